import { Effect, Layer, Schema } from "effect"
import { rpcSettings } from "../../domain/Setting.ts"
import { taskDelayMaxMs } from "../../domain/Task.ts"
import { encode } from "../../protocol/Encode.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { workerMethods } from "../../protocol/WorkerLink.ts"
import { Key, type WorkerMethod, workerMethod, WorkerMethods } from "../supervisor/WorkerMethods.ts"
import { WorkerRegistry } from "../supervisor/WorkerRegistry.ts"
import { type NoTaskWorkers, type TaskQueueFull, TaskQueues } from "./TaskQueues.ts"
import type { TaskStoreFailed } from "./TaskStore.ts"

const whole = ({ maximum, minimum }: { readonly minimum: number; readonly maximum: number }) =>
  Schema.optionalKey(
    Schema.Int.check(
      Schema.isBetween({ minimum, maximum }, { message: `must be a whole number from ${minimum} to ${maximum}` }),
    ),
  )

const text = (maximum: number) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^[^]{1,${maximum}}$`), { message: `must be 1 to ${maximum} characters` }),
  )

const QueueMessage = Schema.Struct({
  ...Key.fields,
  id: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[0-9A-HJKMNP-TV-Z]{26}$/, { message: "must be a ULID" })),
  ),
  task: text(255),
  payload: Schema.Unknown,
  options: Schema.Struct({
    delayMs: whole({ minimum: 0, maximum: taskDelayMaxMs }),
    timeoutMs: whole(rpcSettings.taskTimeoutMs),
    attemptsMax: whole(rpcSettings.taskAttemptsMax),
  }),
  traceparent: Schema.optionalKey(text(255)),
})

const EndMessage = Schema.Struct({
  ...Key.fields,
  id: Schema.String,
  attempt: Schema.Int,
  error: Schema.optionalKey(Schema.Struct({ code: Schema.String, message: Schema.String })),
  isCut: Schema.optionalKey(Schema.Literal(true)),
})

const toRpcError = (failure: NoTaskWorkers | TaskQueueFull | TaskStoreFailed): RpcError => {
  switch (failure._tag) {
    case "TaskQueueFull":
      return new RpcError("resource_exhausted", failure.message, { executed: "no" })
    case "NoTaskWorkers":
      return new RpcError("failed_precondition", failure.message, { executed: "no" })
    case "TaskStoreFailed":
      return new RpcError("internal", failure.message, { executed: "maybe" })
  }
}

/** What workers may ask of the task queues, over the agent's socket. */
export const taskMethods = Layer.effect(
  WorkerMethods,
  Effect.gen(function* () {
    const queues = yield* TaskQueues
    const registry = yield* WorkerRegistry
    const method = workerMethod(registry)
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    registry.onRemoved((pid) => fork(queues.workerGone(pid)))

    return new Map<string, WorkerMethod>([
      [
        workerMethods.queueTask,
        method(QueueMessage, ({ id, name, options, payload, task, traceparent }) =>
          queues
            .queue(name, { id, task, payload: encode(payload), options, traceparent })
            .pipe(Effect.mapError(toRpcError)),
        ),
      ],
      [
        workerMethods.takeTask,
        method(Key, (worker) =>
          worker.kind === "tasks"
            ? queues.take(worker)
            : Effect.fail(new RpcError("permission_denied", "this worker takes no tasks", { executed: "no" })),
        ),
      ],
      [workerMethods.leaveTasks, method(Key, (worker) => Effect.as(queues.leave(worker), null))],
      [
        workerMethods.endTask,
        method(EndMessage, ({ attempt, error, id, isCut, name, pid }) =>
          queues.end({ name, pid }, { id, attempt, error, isCut }).pipe(Effect.mapError(toRpcError), Effect.as(null)),
        ),
      ],
    ])
  }),
)
