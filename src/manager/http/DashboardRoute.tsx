import { Effect } from "effect"
import { DashboardPage } from "../../../ui/pages/dashboard/DashboardPage.tsx"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Services } from "../fleet/Services.ts"
import { page } from "./Answers.tsx"
import type { SignedAsk } from "./Ask.ts"

export const dashboardModel = Effect.gen(function* () {
  const fleet = yield* Fleet
  const services = yield* Services
  return {
    counts: yield* fleet.counts,
    services: yield* services.list,
    nodes: yield* fleet.nodes,
    cron: yield* CronTasks.use((cron) => cron.list),
  }
})

export const dashboardPage = Effect.fn("Dashboard.page")(function* (ask: SignedAsk) {
  const model = yield* dashboardModel
  return page(<DashboardPage page={ask.page} model={model} />)
})
