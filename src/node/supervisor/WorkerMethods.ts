import { Context, Effect, Schema } from "effect"
import { RpcError } from "../../protocol/RpcError.ts"
import type { WorkerKey } from "../../protocol/WorkerLink.ts"
import { fieldError } from "../FieldError.ts"
import type { Registered, WorkerRegistry } from "./WorkerRegistry.ts"

/** WorkerKey of protocol/WorkerLink.ts, as it is read from the wire. */
export const Key = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literals(["calls", "tasks"]),
  slot: Schema.Int,
  pid: Schema.Int,
})

export type WorkerMethod = (argument: unknown) => Effect.Effect<unknown, RpcError>

/** Methods of the agent's socket that other parts of the node answer, by name. */
export class WorkerMethods extends Context.Service<WorkerMethods, ReadonlyMap<string, WorkerMethod>>()(
  "muster/node/supervisor/WorkerMethods",
) {}

/** A method that takes one message of this shape, from workers that the agent has started. */
export const workerMethod =
  (registry: WorkerRegistry["Service"]) =>
  <S extends Schema.Codec<WorkerKey, unknown>>(
    schema: S,
    use: (message: S["Type"], worker: Registered) => Effect.Effect<unknown, RpcError>,
  ): WorkerMethod => {
    const decode = Schema.decodeUnknownEffect(schema)
    const unknown = new RpcError("permission_denied", "this is no worker of this agent", { executed: "no" })
    const find = (key: WorkerKey) =>
      Effect.suspend(() => {
        const worker = registry.find(key)
        return worker === undefined ? Effect.fail(unknown) : Effect.succeed(worker)
      })
    // One that an agent before this one has started may come before it was recognised.
    const known = (key: WorkerKey) => find(key).pipe(Effect.catch(() => Effect.andThen(registry.settled, find(key))))
    return (argument) =>
      decode(argument).pipe(
        Effect.mapError((error) => new RpcError("invalid_argument", fieldError(error), { executed: "no" })),
        Effect.flatMap((message) =>
          // A set that was renamed since the worker's start is known by its new name.
          Effect.flatMap(known(message), (worker) => use({ ...message, name: worker.name }, worker)),
        ),
      )
  }
