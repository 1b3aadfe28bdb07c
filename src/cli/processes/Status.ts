import { Schema } from "effect"
import { keptFormer } from "../../domain/ReloadState.ts"
import { type ApiOptions, ask } from "../Api.ts"

const Worker = Schema.Struct({
  slot: Schema.Int,
  pid: Schema.NullOr(Schema.Int),
  state: Schema.String,
  restarts: Schema.Int,
  reason: Schema.NullOr(Schema.String),
  since: Schema.Finite,
  ready: Schema.Boolean,
  adopted: Schema.Boolean,
})
export type Worker = typeof Worker.Type

const Wanted = Schema.Struct({ revision: Schema.Int, desired: Schema.String })

const Place = Schema.Struct({
  nodeName: Schema.String,
  name: Schema.String,
  delivery: Schema.Struct({
    state: Schema.String,
    wanted: Schema.NullOr(Wanted),
    message: Schema.NullOr(Schema.String),
    nextTryAt: Schema.NullOr(Schema.Finite),
  }),
  action: Schema.NullOr(Schema.Struct({ action: Schema.String, state: Schema.String })),
  status: Schema.NullOr(
    Schema.Struct({
      state: Schema.String,
      desired: Schema.String,
      specRevision: Schema.Int,
      reason: Schema.NullOr(Schema.String),
      since: Schema.Finite,
      workers: Schema.Array(Worker),
      taskWorkers: Schema.Array(Worker),
      waitingFor: Schema.NullOr(Schema.String),
      limitsMissing: Schema.NullOr(Schema.String),
      reload: Schema.NullOr(
        Schema.Struct({
          state: Schema.String,
          replaced: Schema.Int,
          total: Schema.Int,
          reason: Schema.NullOr(Schema.String),
          startedAt: Schema.Finite,
          endedAt: Schema.NullOr(Schema.Finite),
        }),
      ),
    }),
  ),
  error: Schema.NullOr(Schema.String),
})
export type Place = typeof Place.Type

const Process = Schema.Struct({
  kind: Schema.String,
  revision: Schema.Int,
  pushed: Schema.NullOr(Schema.Int),
  desired: Schema.String,
  instances: Schema.Array(Place),
  notJoined: Schema.Array(Schema.String),
})

const ServiceStatus = Schema.Struct({
  name: Schema.String,
  health: Schema.String,
  process: Schema.NullOr(Process),
})
export type ServiceStatus = typeof ServiceStatus.Type

const Status = Schema.Struct({ services: Schema.Array(ServiceStatus) })

/** What runs of one service, or of all that have a process. */
export const readStatus = (service: string | undefined, options: ApiOptions) =>
  ask(
    Status,
    { method: "GET", path: service === undefined ? "/status" : `/status?service=${encodeURIComponent(service)}` },
    options,
  )

/** Why the last reload failed, while a process of before it still runs. */
export const failedReload = ({ status }: Place): string | undefined =>
  status !== null && keptFormer(status.reload, status)
    ? `the reload failed: ${status.reload?.reason ?? "no reason given"}`
    : undefined

/** Whether a place does what is wanted of it. */
export const isAsWanted = (place: Place): boolean => {
  const { delivery, status } = place
  if (delivery.wanted === null) return true
  if (delivery.state !== "acked" || status === null) return false
  const workers = [...status.workers, ...status.taskWorkers]
  if (delivery.wanted.desired === "stopped") return workers.every(({ pid }) => pid === null)
  return failedReload(place) === undefined && status.state === "RUNNING" && workers.every(({ ready }) => ready)
}
