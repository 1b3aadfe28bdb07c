import { Schema } from "effect"
import { CommandSpec } from "../../src/domain/ProcessSpec.ts"
import { cronValues } from "../../ui/forms/CronFields.ts"
import { flatCron, settleCron } from "../../ui/forms/CronConflict.ts"
import { flatOf, settle } from "../../ui/forms/process/SpecConflict.ts"
import { openSpecForm, toForm } from "../../ui/forms/process/SpecForm.ts"
import { CronFormPage } from "../../ui/pages/cron/CronFormPage.tsx"
import { ProcessPage } from "../../ui/pages/service/process/ProcessPage.tsx"
import { paths } from "../../ui/Paths.ts"
import type { SpecFormModel } from "../../ui/ProcessModels.ts"
import type { PageContext } from "../../ui/ViewModels.ts"
import * as cron from "./galleryCron.ts"
import { service } from "./galleryFixtures.ts"

const command = (rest: object = {}) =>
  Schema.decodeUnknownSync(CommandSpec)({
    kind: "command",
    service: "order-center",
    command: { argv: ["/usr/bin/cleaner", "--every", "10 m"] },
    instances: 2,
    nodes: ["10.20.2.11"],
    env: { LANG: "en_US.UTF-8" },
    ...rest,
  })

const opened = command()
const mine = command({ instances: 4, env: { LANG: "zh_CN.UTF-8" } })
const theirs = command({
  instances: 6,
  env: { LANG: "en_US.UTF-8", REGION: "cn-north-1", DATABASE: "mysql://orders@10.20.2.31:3306/orders?ssl=required" },
  drainTimeoutMs: 90_000,
  restart: "never",
  readiness: { kind: "http", path: "/health", port: 8080 },
})

/** Two people have changed how a service's processes run. */
const specConflict = (): SpecFormModel => {
  const { process } = service
  if (process === null) throw new Error("The gallery's service has no processes")
  const stored = { ...process, revision: 8, spec: theirs }
  const values = toForm(mine, { desired: "running", desiredWas: "running" })
  const before = flatOf(toForm(opened, { desired: "running", desiredWas: "running" }))
  const { conflict, ...settled } = settle({ values, spec: mine, opened: before }, stored, "zhang.san")
  return {
    ...openSpecForm(stored, []),
    ...settled,
    stale: { revision: 8, by: "zhang.san" },
    ...(conflict === undefined ? {} : { conflict }),
  }
}

const cronConflict = () => {
  const values = cronValues(cron.report)
  const edit = { ...values, shell: `${values.shell} && ./notify`, timeout: "2 h" }
  const other = { ...values, shell: `nice ${values.shell}`, expression: "0 4 * * *", retries: "5", enabled: false }
  const settled = settleCron(edit, flatCron(values), { values: other, revision: 4, by: "zhang.san" })
  return { ...cron.editForm, baseRevision: 4, ...settled }
}

export const conflictStates = {
  "process-conflict": {
    path: paths.tab(service.id, "process"),
    page: (page: PageContext) => <ProcessPage page={page} service={service} form={specConflict()} />,
  },
  "cron-conflict": {
    path: "/cron/x/edit",
    page: (page: PageContext) => (
      <CronFormPage page={page} model={cronConflict()} zones={["UTC", "Asia/Shanghai", "Europe/Berlin"]} />
    ),
  },
}
