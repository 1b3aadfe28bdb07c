import { Effect, type Scope, Stream } from "effect"
import { Calls } from "../fleet/Calls.ts"
import { Inspections } from "../fleet/Inspections.ts"
import { CronTasks } from "../fleet/cron/CronTasks.ts"
import { People } from "../people/People.ts"
import { Services } from "../fleet/Services.ts"
import { Tasks } from "../fleet/Tasks.ts"
import { query, type SignedAsk } from "./Ask.ts"
import { NoSuchPage, SignInNeeded } from "./Failure.ts"
import { Live, type View } from "./Live.ts"

const views: Readonly<Record<string, View>> = {
  dash: "dash",
  "services,nodes,cron": "dash",
  services: "services",
  nodes: "nodes",
  cron: "cron",
}

const viewOf = Effect.fn("Events.view")(function* (topics: string) {
  const known = views[topics]
  if (known !== undefined) return known
  const [, kind, id] = /^(service|calls|tasks|care|cron):([^,]+)$/.exec(topics) ?? []
  if (id === undefined) return yield* new NoSuchPage({ path: `/events?t=${topics}` })
  if (kind === "cron") {
    yield* CronTasks.use((cron) => cron.get(id))
    return `cron:${id}` satisfies View
  }
  const services = yield* Services
  yield* services.get(id)
  if (kind === "calls" || kind === "tasks" || kind === "care") return `${kind}:${id}` satisfies View
  return `service:${id}` satisfies View
})

/** Who looks at figures has them asked of the nodes for as long. */
const watching = (view: View): Effect.Effect<void, never, Calls | Inspections | Tasks | Scope.Scope> => {
  const [kind = "", id = ""] = view.split(":", 2)
  if (kind === "care") return Inspections.use((inspections) => inspections.watch(id))
  if (kind === "calls") return Calls.use((calls) => calls.watch(id))
  return kind === "tasks" ? Tasks.use((tasks) => tasks.watch(id)) : Effect.void
}

/** `GET /events?t=<topics>`: the one stream of a page, until the page, the session or the server ends. */
export const events = Effect.fn("Events.open")(function* (ask: SignedAsk) {
  const { sessionId } = ask
  if (sessionId === undefined) return yield* new SignInNeeded()
  const view = yield* viewOf(query(ask, "t"))
  const live = yield* Live
  const people = yield* People
  const alive = people.session(sessionId).pipe(Effect.map((session) => session !== undefined))
  const context = yield* Effect.context<Calls | Inspections | Tasks>()
  const body = Stream.unwrap(
    Effect.map(watching(view), () => live.watch({ view, lang: ask.page.lang, sessionId, alive })),
  ).pipe(
    Stream.encodeText,
    Stream.toReadableStreamWith(context, { signal: AbortSignal.any([ask.c.req.raw.signal, ask.closing]) }),
  )
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
  })
})
