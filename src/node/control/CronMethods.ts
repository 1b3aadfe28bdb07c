import { Effect, Schema } from "effect"
import { CronSet } from "../../domain/Cron.ts"
import {
  CronHistoryRequest,
  CronRunRequest,
  CronRunsRequest,
  CronStartRequest,
  CronStopRequest,
} from "../../protocol/CronMessages.ts"
import { nodeMethods } from "../../protocol/NodeManager.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { Cron } from "../cron/Cron.ts"
import type { CronSkipped, InvalidCron, NoSuchCron, OlderCronSet } from "../cron/CronErrors.ts"
import type { CronStoreFailed } from "../cron/CronStore.ts"
import type { DiskFailed } from "../Disk.ts"
import { fieldError } from "../FieldError.ts"
import type { Method } from "./NodeMethods.ts"

type Failure = CronSkipped | CronStoreFailed | DiskFailed | InvalidCron | NoSuchCron | OlderCronSet | Schema.SchemaError

const toRpcError = (failure: Failure): RpcError => {
  const refused = { executed: "no" } as const
  switch (failure._tag) {
    case "SchemaError":
      return new RpcError("invalid_argument", fieldError(failure), refused)
    case "InvalidCron":
      return new RpcError("invalid_argument", failure.message, refused)
    case "OlderCronSet":
      return new RpcError("failed_precondition", failure.message, { ...refused, details: { revision: failure.have } })
    case "CronSkipped":
      return new RpcError("failed_precondition", failure.message, refused)
    case "NoSuchCron":
      return new RpcError("not_found", failure.message, refused)
    case "CronStoreFailed":
    case "DiskFailed":
      return new RpcError("internal", failure.message, { executed: "maybe" })
  }
}

const method = <S extends Schema.Codec<unknown, unknown>, A>(
  schema: S,
  run: (request: S["Type"]) => Effect.Effect<A, Exclude<Failure, Schema.SchemaError>>,
): Method => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (argument) =>
    decode(argument).pipe(
      Effect.flatMap((request) => run(request)),
      Effect.mapError(toRpcError),
    )
}

/** The methods of `node_manager` that are about cron, by name. */
export const cronMethods = Effect.gen(function* () {
  const cron = yield* Cron
  return new Map<string, Method>([
    [nodeMethods.applyCron, method(CronSet, (set) => Effect.map(cron.apply(set), (revision) => ({ revision })))],
    [nodeMethods.cronRuns, method(CronRunsRequest, ({ before, limit, taskId }) => cron.runs(taskId, limit, before))],
    [nodeMethods.cronHistory, method(CronHistoryRequest, ({ after, limit }) => cron.history(after, limit))],
    [nodeMethods.cronOutput, method(CronRunRequest, ({ runId }) => cron.output(runId))],
    [nodeMethods.startCron, method(CronStartRequest, ({ by, taskId }) => cron.start(taskId, by))],
    [nodeMethods.stopCron, method(CronStopRequest, ({ by, runId }) => cron.stop(runId, by))],
  ])
})
