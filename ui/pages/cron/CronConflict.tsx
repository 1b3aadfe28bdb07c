import type { Side, Texts } from "../../forms/Conflict.ts"
import { cronFrom, flatCron } from "../../forms/CronConflict.ts"
import type { CronFormModel } from "../../CronModels.ts"
import { conflictLine, ConflictTable } from "../../parts/ConflictTable.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { labelOf } from "./MoreFields.tsx"

type Props = { page: PageContext; model: CronFormModel }

/** What the task that one edits and the one that another has saved say of the same fields. */
export const CronConflict = ({ page, model }: Props) => {
  const { conflict, id, values } = model
  if (id === null || conflict === undefined || conflict.rows.length === 0) return null
  const now = flatCron(values)
  const wording = {
    label: (name: string) => titleOf(page, name),
    text: (name: string, texts: Texts) => valueText(page, model, name, texts),
  }
  const choose = (name: string | undefined, side: Side) => ({
    "hx-post": paths.cronEditor(id, { side, ...(name === undefined ? {} : { take: name }) }),
    "hx-target": "#cron-form",
    "hx-swap": "outerMorph",
  })
  return (
    <ConflictTable
      page={page}
      by={conflict.by}
      revision={conflict.revision}
      lines={conflict.rows.map((row) => conflictLine(row, now, wording))}
      choose={choose}
    />
  )
}

const titleOf = (page: PageContext, name: string): string => {
  const { form } = page.t.cron
  const own = { name: form.name, node: form.node, enabled: form.enabled, kind: form.what, when: form.when }
  return own[name as keyof typeof own] ?? labelOf(page, name as Parameters<typeof labelOf>[1])
}

const valueText = (page: PageContext, model: CronFormModel, name: string, texts: Texts): string => {
  const { conflict, cron } = page.t
  const values = cronFrom(texts)
  const text = (texts[name] ?? "").trim()
  switch (name) {
    case "enabled":
      return text === "" ? conflict.off : conflict.on
    case "node":
      return model.nodes.find(({ ip }) => ip === text)?.name ?? text
    case "overlap":
      return cron.overlap[values.overlap]
    case "missed":
      return cron.missed[values.missed]
    case "kind":
      return {
        shell: values.shell,
        command: values.argv,
        method: [values.service, values.method, values.args].join(" ").trim(),
      }[values.kind]
    case "when":
      return values.when === "interval"
        ? `${cron.form.every} ${values.every}`
        : `${values.expression}\n${values.timeZone}`
    default:
      return text === "" ? "–" : text
  }
}
