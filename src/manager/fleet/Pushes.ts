import { Context, type Effect } from "effect"
import type { NotFound, NothingToPush, PushRunning } from "./Errors.ts"
import type { PushJob } from "./Views.ts"

/** Push (下发): delivers the released revision to clients now, and collects their durable acks. One job per service. */
export class Pushes extends Context.Service<
  Pushes,
  {
    /** Starts and returns at once; progress is in `current` and in the topic `service:<id>`. */
    readonly start: (
      serviceId: string,
      clientIds: "all" | ReadonlyArray<string>,
      by: string,
    ) => Effect.Effect<PushJob, NotFound | PushRunning | NothingToPush>
    /** The running job, or the last one until it is closed or the next one starts. */
    readonly current: (serviceId: string) => Effect.Effect<PushJob | undefined>
    /** Waits until the service's job has ended. */
    readonly settled: (serviceId: string) => Effect.Effect<PushJob | undefined>
    /** What is not sent yet stays unsent. */
    readonly cancel: (serviceId: string) => Effect.Effect<void>
    /** Forgets a job that has ended. */
    readonly close: (serviceId: string) => Effect.Effect<void>
  }
>()("muster/manager/fleet/Pushes") {}
