import { Deferred, Effect, Schema } from "effect"
import { MethodDescription, Stats } from "../../protocol/NodeManager.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import type { StatsSnapshot } from "../../protocol/Stats.ts"
import { ordersWaitMs, type WorkerOrders, workerMethods } from "../../protocol/WorkerLink.ts"
import type { Handler } from "../../rpc/RpcServer.ts"
import { monotonicMs } from "../Monotonic.ts"
import { TaskQueues } from "../tasks/TaskQueues.ts"
import { Key, type WorkerMethod, workerMethod } from "./WorkerMethods.ts"
import { type Registered, WorkerRegistry } from "./WorkerRegistry.ts"

const openCallsMax = 20
const harmlessMax = 10_000

const ReadyMessage = Schema.Struct({
  ...Key.fields,
  methods: Schema.Array(MethodDescription),
  tasks: Schema.Array(Schema.String),
  isDraining: Schema.optionalKey(Schema.Literal(true)),
  running: Schema.optionalKey(Schema.Struct({ id: Schema.String, attempt: Schema.Int })),
})
const FailedMessage = Schema.Struct({ ...Key.fields, reason: Schema.String })
const OpenCall = Schema.Struct({ method: Schema.String, ageMs: Schema.Finite, remote: Schema.String })
const ReportMessage = Schema.Struct({
  ...Key.fields,
  stats: Stats,
  openCalls: Schema.Array(OpenCall).check(Schema.isMaxLength(openCallsMax)),
  openCallCount: Schema.Int,
  harmless: Schema.optionalKey(Schema.Array(Schema.String).check(Schema.isMaxLength(harmlessMax))),
})

const isBeat = Schema.is(Schema.Struct({ ...Key.fields, rssBytes: Schema.Finite, loopLagMs: Schema.Finite }))

const OrdersMessage = Schema.Struct({ ...Key.fields, known: Schema.Int })

const ordersOf = ({ ledger, service }: Registered, now: number): WorkerOrders => {
  const orders = ledger.orders(now)
  return service === undefined ? orders : { ...orders, service }
}

/**
 * Takes the beat of a worker that idles. Plain code: an idle agent does little else. Of one that is not known, or not yet
 * after a change of the agent, it is dropped: the next one comes.
 */
export const beatHandler = Effect.map(WorkerRegistry, (registry): Handler => ([beat]) => {
  if (!isBeat(beat)) throw new RpcError("invalid_argument", "this is no beat of a worker", { executed: "no" })
  const worker = registry.find(beat)
  if (worker === undefined) return
  worker.heard += 1
  const { report } = worker
  // Undefined: meant for the agent before this one, which had the report that it stands for.
  if (report === undefined) return
  const stats = { ...report.stats, rss_bytes: beat.rssBytes, loop_lag_ms: beat.loopLagMs }
  worker.report = { ...report, stats }
  worker.ledger.reported(beat.pid, stats, [])
})

/** What workers say of themselves over the agent's socket, and ask of their set. */
export const ownMethods = Effect.gen(function* () {
  const queues = yield* TaskQueues
  const method = workerMethod(yield* WorkerRegistry)
  return new Map<string, WorkerMethod>([
    [
      workerMethods.ready,
      method(
        ReadyMessage,
        Effect.fnUntraced(function* ({ isDraining = false, kind, methods, name, pid, running }, worker) {
          worker.ledger.ready(pid, methods)
          worker.isDraining = isDraining
          if (kind === "tasks") yield* queues.resume({ name, pid }, running)
          yield* Deferred.succeed(worker.greeted, undefined)
          yield* Deferred.succeed(worker.ready, undefined)
          return null
        }),
      ),
    ],
    [
      workerMethods.failed,
      method(FailedMessage, ({ reason }, worker) =>
        Effect.sync(() => {
          worker.failure = reason
          return null
        }),
      ),
    ],
    [
      workerMethods.report,
      method(ReportMessage, (report, worker) =>
        Effect.sync(() => {
          worker.report = report
          worker.heard += 1
          worker.ledger.reported(report.pid, report.stats, report.harmless ?? [])
          return null
        }),
      ),
    ],
    [
      workerMethods.orders,
      method(OrdersMessage, ({ known }, worker) =>
        worker.ledger
          .otherOrders(known)
          .pipe(
            Effect.timeoutOption(ordersWaitMs),
            Effect.andThen(Effect.map(monotonicMs, (now) => ordersOf(worker, now))),
          ),
      ),
    ],
    [
      workerMethods.stats,
      method(Key, ({ name }, worker) =>
        Effect.sync((): StatsSnapshot => ({ ...worker.ledger.stats(), ...queues.counts(name) })),
      ),
    ],
  ])
})
