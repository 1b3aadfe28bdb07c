import { Context, Deferred, Effect, Layer } from "effect"
import type { WorkerKey, WorkerReport } from "../../protocol/WorkerLink.ts"

/** What a worker says of itself each second. */
export type WorkerFigures = Omit<WorkerReport, keyof WorkerKey>

/** A worker process that the agent has started, as the agent's socket knows it. */
export type Registered = {
  readonly name: string
  readonly slot: number
  readonly ready: Deferred.Deferred<ReadonlyArray<string>>
  /** Its own word on why it ends. */
  failure: string | undefined
  figures: WorkerFigures | undefined
}

/** The workers that run now, by pid: where their messages are matched with their slots. */
export class WorkerRegistry extends Context.Service<
  WorkerRegistry,
  {
    readonly add: (pid: number, worker: { readonly name: string; readonly slot: number }) => Effect.Effect<Registered>
    readonly remove: (pid: number) => Effect.Effect<void>
    /** Hears of each worker that was removed. */
    readonly onRemoved: (listener: (pid: number) => Effect.Effect<void>) => void
    /** Undefined when the agent has started no such worker: nobody may speak for another. */
    readonly find: (key: {
      readonly name: string
      readonly slot: number
      readonly pid: number
    }) => Registered | undefined
  }
>()("muster/node/supervisor/WorkerRegistry") {
  static readonly layer = Layer.sync(WorkerRegistry, () => {
    const workers = new Map<number, Registered>()
    const listeners: Array<(pid: number) => Effect.Effect<void>> = []
    return WorkerRegistry.of({
      add: (pid, { name, slot }) =>
        Effect.sync(() => {
          const worker: Registered = {
            name,
            slot,
            ready: Deferred.makeUnsafe(),
            failure: undefined,
            figures: undefined,
          }
          workers.set(pid, worker)
          return worker
        }),
      remove: (pid) =>
        Effect.suspend(() => {
          workers.delete(pid)
          return Effect.forEach(listeners, (listener) => listener(pid), { discard: true })
        }),
      onRemoved: (listener) => void listeners.push(listener),
      find: ({ name, pid, slot }) => {
        const worker = workers.get(pid)
        return worker?.name === name && worker.slot === slot ? worker : undefined
      },
    })
  })
}
