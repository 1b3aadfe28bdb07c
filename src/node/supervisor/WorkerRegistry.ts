import { Context, Deferred, Effect, Layer } from "effect"
import type { WorkerKey, WorkerKind, WorkerReport } from "../../protocol/WorkerLink.ts"
import type { Ledger } from "./Ledger.ts"

/** What a worker says of itself each second. */
export type WorkerFigures = Omit<WorkerReport, keyof WorkerKey>

/** A worker process that the agent has started, as the agent's socket knows it. */
export type Registered = {
  /** What its process set is called now. */
  name: string
  /** What its messages call it: the name that it was started with. */
  readonly calledBy: string
  /** What its service is called now; undefined: as when it was started. */
  service: string | undefined
  readonly kind: WorkerKind
  readonly slot: number
  readonly ready: Deferred.Deferred<void>
  /** It has said to this agent how it is. */
  readonly greeted: Deferred.Deferred<void>
  /** It was asked to end, and obeys. */
  isDraining: boolean
  readonly ledger: Ledger
  /** Its own word on why it ends. */
  failure: string | undefined
  report: WorkerFigures | undefined
  /** How many reports have come. */
  heard: number
}

type Place = Omit<WorkerKey, "pid">

/** The workers that run now, by pid: where their messages are matched with their slots. */
export class WorkerRegistry extends Context.Service<
  WorkerRegistry,
  {
    readonly add: (pid: number, place: Place, ledger: Ledger) => Registered
    readonly remove: (pid: number) => void
    /** Hears of each worker that was removed. */
    readonly onRemoved: (listener: (pid: number) => void) => void
    /** The set with this ledger is called so from now on; its workers go on to speak by the name they know. */
    readonly rename: (ledger: Ledger, name: string, service: string) => void
    /** Undefined when the agent has started no such worker: nobody may speak for another. */
    readonly find: (key: WorkerKey) => Registered | undefined
    /** Returns when all are known that an agent before this one has started. */
    readonly settled: Effect.Effect<void>
    readonly settle: Effect.Effect<void>
  }
>()("muster/node/supervisor/WorkerRegistry") {
  static readonly layer = Layer.sync(WorkerRegistry, () => {
    const workers = new Map<number, Registered>()
    const listeners: Array<(pid: number) => void> = []
    const settled = Deferred.makeUnsafe<void>()
    return WorkerRegistry.of({
      add: (pid, place, ledger) => {
        const worker: Registered = {
          ...place,
          calledBy: place.name,
          service: undefined,
          ledger,
          ready: Deferred.makeUnsafe(),
          greeted: Deferred.makeUnsafe(),
          isDraining: false,
          failure: undefined,
          report: undefined,
          heard: 0,
        }
        workers.set(pid, worker)
        return worker
      },
      remove: (pid) => {
        workers.delete(pid)
        for (const listener of listeners) listener(pid)
      },
      onRemoved: (listener) => void listeners.push(listener),
      rename: (ledger, name, service) => {
        for (const worker of workers.values()) {
          if (worker.ledger !== ledger) continue
          worker.name = name
          worker.service = service
        }
        ledger.changeOrders()
      },
      find: ({ kind, name, pid, slot }) => {
        const worker = workers.get(pid)
        return worker?.calledBy === name && worker.kind === kind && worker.slot === slot ? worker : undefined
      },
      settled: Deferred.await(settled),
      settle: Effect.asVoid(Deferred.succeed(settled, undefined)),
    })
  })
}
