import { Clock, Context, Effect, Layer } from "effect"
import type { CronOutputView, CronRunsView, CronRunView } from "../../../domain/CronView.ts"
import { AuditRepo } from "../../store/AuditRepo.ts"
import { CronRunsRepo } from "../../store/CronRunsRepo.ts"
import { CronTasksRepo, type StoredCron } from "../../store/CronTasksRepo.ts"
import { Changes } from "../Changes.ts"
import { CronWaits, NodeUnavailable, NotFound } from "../Errors.ts"
import type { NodeCallError, NodeLink } from "../NodeLink.ts"
import { askNode, type NodeAway, type SessionState } from "../NodeSession.ts"
import { Sessions } from "../Sessions.ts"
import { CronTasks } from "./CronTasks.ts"
import { runView, toldOf } from "./CronViews.ts"

const pruneEveryMs = 3_600_000
/** A deleted task that is restored has its history back; after this time it is gone. */
const deletedKeptMs = 86_400_000
/** A task that was made or changed a moment ago is still on its way to its node: so long it is waited for. */
const onItsWayMs = 3_000
const lookEveryMs = 50
/** Runs of one task at a time that a page shows as running. */
const runningMax = 100

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const changes = yield* Changes
  const cron = yield* CronTasks
  const repo = yield* CronRunsRepo
  const sessions = yield* Sessions
  const tasks = yield* CronTasksRepo

  const holderOf = ({ heldBy }: StoredCron) => (heldBy === null ? undefined : sessions.get(heldBy))

  const ask = <A>(nodeId: string, session: SessionState | undefined, use: Parameters<typeof askNode<A>>[1]) =>
    session === undefined
      ? Effect.fail(new NodeUnavailable({ nodeId, problem: { _tag: "Refused", detail: "it has left the fleet" } }))
      : Effect.mapError(askNode(session, use), (error: NodeCallError | NodeAway): NodeUnavailable | NodeCallError =>
          error._tag === "NodeCallError" && error.code === "not_found"
            ? error
            : new NodeUnavailable({ nodeId, problem: error.problem }),
        )

  /** The node that has the task, and may be asked to run it. */
  const ready = Effect.fnUntraced(function* (stored: StoredCron) {
    const { heldBy, ip, task } = stored
    const session = sessions.at(ip)
    if (session === undefined) return yield* new NodeUnavailable({ nodeId: ip, problem: { _tag: "NotJoined", ip } })
    const { name } = yield* cron.known
    if (heldBy === session.node.id) return session
    return yield* new CronWaits({ name: task.name, node: name(heldBy ?? session.node.id) })
  })

  const isOnItsWay = ({ heldBy, heldRevision, ip, revision }: StoredCron) => {
    const session = sessions.at(ip)
    if (session?.connection !== "connected" || session.cronProblem !== null) return false
    return heldRevision !== revision && (heldBy === null || heldBy === session.node.id)
  }

  const arrived = Effect.fnUntraced(function* (id: string) {
    const until = (yield* Clock.currentTimeMillis) + onItsWayMs
    for (;;) {
      const stored = yield* tasks.get(id)
      if (!isOnItsWay(stored) || (yield* Clock.currentTimeMillis) > until) return stored
      yield* Effect.sleep(lookEveryMs)
    }
  })

  const start = Effect.fn("CronRuns.start")(function* (id: string, by: string) {
    const stored = yield* arrived(id)
    const session = yield* ready(stored)
    yield* audit.add({ who: by, what: "cron.start", object: `cron:${id}`, detail: { name: stored.task.name } })
    const asked = ask(session.node.id, session, (link) => link.startCron({ taskId: id, by }))
    const { runId } = yield* Effect.catchTag(asked, "NodeCallError", () => new NotFound({ what: "cron task", id }))
    yield* changes.publish(`cron:${id}`)
    return { runId }
  })

  const stop = Effect.fn("CronRuns.stop")(function* (id: string, runId: string, by: string) {
    const stored = yield* tasks.get(id)
    const session = holderOf(stored)
    yield* audit.add({ who: by, what: "cron.stop", object: `cron:${id}`, detail: { name: stored.task.name, runId } })
    const nodeId = stored.heldBy ?? stored.ip
    const asked = ask(nodeId, session, (link) => link.stopCron({ runId, by }))
    const run = yield* Effect.catchTag(asked, "NodeCallError", () => new NotFound({ what: "run", id: runId }))
    yield* changes.publish(`cron:${id}`)
    return runView(yield* cron.known, nodeId, run)
  })

  /** Of the node that has the task, while it can be heard. One run is in its status already. */
  const running = Effect.fnUntraced(function* (stored: StoredCron) {
    const session = holderOf(stored)
    const nodes = yield* cron.known
    const told = toldOf(stored, nodes)
    if (session === undefined || told === undefined || told.running === 0) return []
    const last = told.last
    if (told.running === 1 && last?.state === "running") return [runView(nodes, session.node.id, last)]
    const page = yield* Effect.option(
      askNode(session, (link: NodeLink) => link.cronRuns({ taskId: stored.id, limit: runningMax })),
    )
    const runs = page._tag === "Some" ? page.value.runs : []
    return runs.filter(({ state }) => state === "running").map((run) => runView(nodes, session.node.id, run))
  })

  const list = Effect.fn("CronRuns.list")(function* (id: string, limit: number, before: string | undefined) {
    const stored = yield* tasks.get(id)
    const nodes = yield* cron.known
    const now = before === undefined ? yield* running(stored) : []
    const page = yield* repo.page(id, limit + 1, before)
    const ended = page.runs.slice(0, limit).map(({ nodeId, run }) => runView(nodes, nodeId, run))
    const ids = new Set(ended.map((run) => run.id))
    const runs: ReadonlyArray<CronRunView> = [...now.filter((run) => !ids.has(run.id)), ...ended]
    return { runs, total: page.total, more: page.runs.length > limit } satisfies CronRunsView
  })

  const get = Effect.fn("CronRuns.get")(function* (id: string, runId: string) {
    const stored = yield* tasks.get(id)
    const found = yield* repo.get(id, runId)
    if (found !== undefined) return runView(yield* cron.known, found.nodeId, found.run)
    const open = (yield* running(stored)).find((run) => run.id === runId)
    return open ?? (yield* new NotFound({ what: "run", id: runId }))
  })

  const output = Effect.fn("CronRuns.output")(function* (id: string, runId: string) {
    const run = yield* get(id, runId)
    const asked = ask(run.nodeId, sessions.get(run.nodeId), (link) => link.cronOutput(runId))
    return yield* Effect.catchTag(asked, "NodeCallError", () => new NotFound({ what: "output", id: runId }))
  })

  const clean = Effect.gen(function* () {
    for (const { id, task } of yield* tasks.list)
      yield* repo.prune({ taskId: id, keepRuns: task.keepRuns, keepMs: task.keepMs })
    yield* repo.forget((yield* Clock.currentTimeMillis) - deletedKeptMs)
  })
  yield* clean.pipe(
    Effect.catchCause((cause) => Effect.logError("Cannot clean the history of cron tasks", cause)),
    Effect.andThen(Effect.sleep(pruneEveryMs)),
    Effect.forever,
    Effect.forkScoped,
  )

  return CronRuns.of({ start, stop, list, get, output })
})

/** The runs of cron tasks: the history from the store, what runs and what was printed from the nodes. */
export class CronRuns extends Context.Service<
  CronRuns,
  {
    /** Runs it now, by its overlap policy. */
    readonly start: (
      id: string,
      by: string,
    ) => Effect.Effect<{ readonly runId: string }, NotFound | NodeUnavailable | CronWaits>
    /** Answers when it has ended. */
    readonly stop: (id: string, runId: string, by: string) => Effect.Effect<CronRunView, NotFound | NodeUnavailable>
    readonly list: (id: string, limit: number, before: string | undefined) => Effect.Effect<CronRunsView, NotFound>
    readonly get: (id: string, runId: string) => Effect.Effect<CronRunView, NotFound>
    readonly output: (id: string, runId: string) => Effect.Effect<CronOutputView, NotFound | NodeUnavailable>
  }
>()("muster/manager/fleet/cron/CronRuns") {
  static readonly layer = Layer.effect(CronRuns, make)
}
