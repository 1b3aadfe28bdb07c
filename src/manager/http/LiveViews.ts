import { Clock, Effect } from "effect"
import {
  liveCalls,
  liveCare,
  liveCron,
  liveCronTask,
  liveDashboard,
  liveNodes,
  liveService,
  liveServices,
  liveTasks,
} from "../../../ui/Live.tsx"
import { catalogues } from "../../../ui/messages/Catalogues.ts"
import type { Language } from "../../../ui/messages/Messages.ts"
import type { PageContext } from "../../../ui/ViewModels.ts"
import { Calls } from "../fleet/Calls.ts"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Inspections } from "../fleet/Inspections.ts"
import { Joining } from "../fleet/Joining.ts"
import { Pushes } from "../fleet/Pushes.ts"
import { Services } from "../fleet/Services.ts"
import { Tasks } from "../fleet/Tasks.ts"
import { cronJobs } from "./CronBulkRoutes.tsx"
import { newestRuns } from "./CronTaskRoutes.tsx"
import { dashboardModel } from "./DashboardRoute.tsx"
import { Live, type View } from "./Live.ts"
import { servicesJobs } from "./ServicesBulkRoutes.tsx"

/** Rendered once for all who read this language, so it holds nothing of a person: no name, no token, no theme. */
const anybody = (lang: Language, now: number): PageContext => ({
  lang,
  t: catalogues[lang],
  theme: "auto",
  csrf: "",
  path: "/",
  user: null,
  now,
})

const serviceFragments = Effect.fn("LiveViews.service")(function* (page: PageContext, id: string) {
  const services = yield* Services
  const pushes = yield* Pushes
  return yield* services.get(id).pipe(
    Effect.flatMap((service) => Effect.map(pushes.current(id), (job) => liveService(page, service, job))),
    Effect.catchTag("NotFound", () => Effect.succeed(undefined)),
  )
})

const callsFragments = Effect.fn("LiveViews.calls")(function* (page: PageContext, id: string) {
  const services = yield* Services
  const calls = yield* Calls
  return yield* services.get(id).pipe(
    Effect.flatMap((service) => Effect.map(calls.view(id), (view) => liveCalls(page, service, view))),
    Effect.catchTag("NotFound", () => Effect.succeed(undefined)),
  )
})

const tasksFragments = Effect.fn("LiveViews.tasks")(function* (page: PageContext, id: string) {
  const services = yield* Services
  const tasks = yield* Tasks
  return yield* services.get(id).pipe(
    Effect.flatMap((service) => Effect.map(tasks.view(id), (view) => liveTasks(page, service, view))),
    Effect.catchTag("NotFound", () => Effect.succeed(undefined)),
  )
})

const careFragments = Effect.fn("LiveViews.care")(function* (page: PageContext, id: string) {
  const services = yield* Services
  const inspections = yield* Inspections
  const whole = yield* serviceFragments(page, id)
  if (whole === undefined) return undefined
  return yield* services.get(id).pipe(
    Effect.flatMap((service) =>
      Effect.map(inspections.view(id), (view) => [...whole, ...liveCare(page, service, view)]),
    ),
    Effect.catchTag("NotFound", () => Effect.succeed(undefined)),
  )
})

const cronFragments = Effect.fn("LiveViews.cron")(function* (page: PageContext, id: string) {
  const cron = yield* CronTasks
  return yield* cron.get(id).pipe(
    Effect.flatMap((task) => Effect.map(newestRuns(id), (view) => liveCronTask(page, task, view))),
    Effect.catchTag("NotFound", () => Effect.succeed(undefined)),
  )
})

const render = Effect.fn("LiveViews.render")(function* (view: View, lang: Language) {
  const page = anybody(lang, yield* Clock.currentTimeMillis)
  if (view === "dash") return liveDashboard(page, yield* dashboardModel)
  if (view === "services") {
    const jobs = yield* servicesJobs(page)
    return liveServices(page, yield* Services.use((services) => services.list), jobs)
  }
  if (view === "nodes") {
    const tokens = yield* Joining.use((joining) => joining.tokens)
    return liveNodes(page, yield* Fleet.use((fleet) => fleet.nodes), tokens)
  }
  if (view.startsWith("care:")) return yield* careFragments(page, view.slice("care:".length))
  if (view === "cron") {
    const jobs = yield* cronJobs(page)
    return liveCron(page, yield* CronTasks.use((cron) => cron.list), jobs)
  }
  if (view.startsWith("cron:")) return yield* cronFragments(page, view.slice("cron:".length))
  if (view.startsWith("calls:")) return yield* callsFragments(page, view.slice("calls:".length))
  if (view.startsWith("tasks:")) return yield* tasksFragments(page, view.slice("tasks:".length))
  return yield* serviceFragments(page, view.slice("service:".length))
})

export const liveLayer = Live.layer(render)
