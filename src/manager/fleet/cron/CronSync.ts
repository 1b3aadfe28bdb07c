import { Context, Effect, Layer } from "effect"
import type { CronSet } from "../../../domain/Cron.ts"
import { sha256Hex } from "../../../platform/Hash.ts"
import { CronRunsRepo } from "../../store/CronRunsRepo.ts"
import { CronTasksRepo, type StoredCron } from "../../store/CronTasksRepo.ts"
import { NodesRepo } from "../../store/NodesRepo.ts"
import { Changes } from "../Changes.ts"
import { aboveFormer } from "../Desired.ts"
import type { NodeAddress, NodeCallError } from "../NodeLink.ts"
import { askNode, type NodeAway, type SessionState } from "../NodeSession.ts"

const historyAtOnce = 500

const isWanted = ({ deletedAt, ip }: StoredCron, node: NodeAddress) => deletedAt === null && ip === node.ip

const make = Effect.gen(function* () {
  const changes = yield* Changes
  const nodes = yield* NodesRepo
  const runs = yield* CronRunsRepo
  const tasks = yield* CronTasksRepo

  const told = Effect.fnUntraced(function* (ids: Iterable<string>) {
    for (const id of ids) yield* changes.publish(`cron:${id}`)
    yield* changes.publish("cron")
  })

  /** What ended on the node since it was last asked. */
  const fillIn = Effect.fnUntraced(function* (session: SessionState) {
    for (let after = yield* runs.cursor(session.node.id); ;) {
      const from = after
      const page = yield* askNode(session, (link) => link.cronHistory({ after: from, limit: historyAtOnce }))
      if (page.runs.length > 0 || page.cursor !== after) {
        const concerned = yield* runs.record(session.node.id, page.runs, page.cursor)
        yield* told(concerned)
        yield* prune(concerned)
      }
      if (!page.more || page.cursor === after) return
      after = page.cursor
    }
  })

  const prune = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
    for (const id of ids) {
      const found = yield* Effect.option(tasks.get(id))
      if (found._tag === "None") continue
      const { keepMs, keepRuns } = found.value.task
      yield* runs.prune({ taskId: id, keepRuns, keepMs })
    }
  })

  /** A revoked agent at the same address and port is gone: the port could not be listened on otherwise. */
  const isReplaced = Effect.fnUntraced(function* (holder: string, node: NodeAddress) {
    const former = yield* Effect.option(nodes.get(holder))
    if (former._tag === "None") return true
    const { ip, port, revokedAt } = former.value
    return revokedAt !== null && ip === node.ip && port === node.port
  })

  /** The tasks that the node may have now: its own, and those that nobody else may run. */
  const take = Effect.fnUntraced(function* ({ node }: SessionState) {
    const mine: Array<StoredCron> = []
    for (const task of yield* tasks.concerning(node.id, node.ip)) {
      if (!isWanted(task, node)) continue
      const { heldBy, id } = task
      const isFree = heldBy === null || (heldBy !== node.id && (yield* isReplaced(heldBy, node)))
      if (heldBy === node.id || (isFree && (yield* tasks.claim(id, node.id, heldBy)))) mine.push(task)
    }
    return mine
  })

  const revisions = new Map<string, { readonly digest: string; readonly revision: number }>()
  const revisionOf = Effect.fnUntraced(function* (node: NodeAddress, digest: string, has: number) {
    const known = revisions.get(node.id)
    if (known?.digest === digest && known.revision >= has) return known.revision
    const base = aboveFormer(node, 0)
    const revision = base + (yield* runs.assignment(node.id, digest, Math.max(0, has - base)))
    revisions.set(node.id, { digest, revision })
    return revision
  })

  const apply = Effect.fnUntraced(function* (session: SessionState) {
    const { node, status } = session
    const mine = yield* take(session)
    if (status === undefined) return []
    if (mine.length > 0 || status.cronRevision > 0) {
      const set = mine.map(({ task }) => task)
      const revision = yield* revisionOf(node, sha256Hex(JSON.stringify(set)), status.cronRevision)
      if (status.cronRevision < revision) yield* send(session, { revision, tasks: set })
    }
    const freed = yield* tasks.acked(node.id, new Map(mine.map(({ id, revision }) => [id, revision])))
    const changed = mine.filter(({ heldRevision, revision }) => heldRevision !== revision)
    if (freed.length + changed.length > 0) yield* told([...freed, ...changed].map(({ id }) => id))
    return freed.filter(({ deletedAt }) => deletedAt === null).map(({ ip }) => ip)
  })

  const send = Effect.fnUntraced(function* (session: SessionState, set: CronSet) {
    yield* askNode(session, (link) => link.applyCron(set))
    if (session.status !== undefined) session.status = { ...session.status, cronRevision: set.revision }
  })

  const failed = Effect.fnUntraced(function* (session: SessionState, error: NodeCallError | NodeAway) {
    if (session.link !== undefined) yield* Effect.logWarning(`Cron tasks of node ${session.node.id}: ${error.message}`)
    session.cronProblem = error.problem
    yield* announce(session)
    return { done: false, freed: [] as ReadonlyArray<string> }
  })

  const announce = ({ status }: SessionState) => told((status?.cron ?? []).map(({ id }) => id))

  return CronSync.of({
    announce,
    settle: Effect.fn("CronSync.settle")(function* (session: SessionState) {
      const settling = Effect.gen(function* () {
        // First: what the node forgets with a task that is taken from it would never be known.
        if ((session.status?.cronRevision ?? 0) > 0) yield* fillIn(session)
        const freed = yield* apply(session)
        session.cronProblem = null
        return { done: true, freed }
      })
      return yield* settling.pipe(Effect.catch((error) => failed(session, error)))
    }),
  })
})

/** Brings the cron tasks of a node to what they should be, and what they did to the store. */
export class CronSync extends Context.Service<
  CronSync,
  {
    /** `freed`: addresses that wait for tasks that this node had, and has no more. */
    readonly settle: (
      session: SessionState,
    ) => Effect.Effect<{ readonly done: boolean; readonly freed: ReadonlyArray<string> }>
    /** Pages that show the tasks of this node may show something else now. */
    readonly announce: (session: SessionState) => Effect.Effect<void>
  }
>()("muster/manager/fleet/cron/CronSync") {
  static readonly layer = Layer.effect(CronSync, make)
}
