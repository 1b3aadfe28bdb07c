import { Clock, Context, Effect, Layer, Schema } from "effect"
import { cpuCount } from "../../platform/Env.ts"
import { ownPid } from "../../platform/WorkerHost.ts"
import {
  ApplyListRequest,
  ApplyProcessesRequest,
  ApplyTrustRequest,
  nodeMethods,
  ProcessName,
  type NodeStatus,
  RemoveListRequest,
  TasksChange,
  TasksRequest,
  statusBatchMs,
  StatusRequest,
} from "../../protocol/NodeManager.ts"
import { LogsRequest } from "../../protocol/LogMessages.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { crashReading, type NoSuchCrash } from "../crashes/CrashReading.ts"
import { CrashesRequest, CrashRequest, InstanceRequest } from "../../protocol/ProcessMessages.ts"
import { Cron } from "../cron/Cron.ts"
import { Discovery, type GuardRefused } from "../discovery/Discovery.ts"
import type { DiskFailed } from "../Disk.ts"
import { fieldError } from "../FieldError.ts"
import { Logs, type NoSuchLogs } from "../logs/Logs.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { Notices } from "../Notices.ts"
import { type InvalidSet, type NoSuchProcess, type OlderRevision, Supervisor } from "../supervisor/Supervisor.ts"
import type { NoSuchTasks } from "../tasks/TaskBook.ts"
import { TaskQueues } from "../tasks/TaskQueues.ts"
import type { TaskStoreFailed } from "../tasks/TaskStore.ts"
import { Trust } from "../trust/Trust.ts"
import { inspecting } from "./Inspecting.ts"
import { cronMethods } from "./CronMethods.ts"

type Failure =
  | DiskFailed
  | GuardRefused
  | InvalidSet
  | NoSuchCrash
  | NoSuchLogs
  | NoSuchProcess
  | NoSuchTasks
  | OlderRevision
  | Schema.SchemaError
  | TaskStoreFailed

/** What a failure means to the caller. None of them has left anything half done. */
const toRpcError = (failure: Failure): RpcError => {
  const refused = { executed: "no" } as const
  switch (failure._tag) {
    case "SchemaError":
      return new RpcError("invalid_argument", fieldError(failure), refused)
    case "InvalidSet":
      return new RpcError("invalid_argument", failure.message, refused)
    case "GuardRefused":
      return new RpcError("failed_precondition", failure.message, { ...refused, details: { guard: failure.verdict } })
    case "OlderRevision":
      return new RpcError("failed_precondition", failure.message, { ...refused, details: { revision: failure.have } })
    case "NoSuchCrash":
    case "NoSuchLogs":
    case "NoSuchProcess":
    case "NoSuchTasks":
      return new RpcError("not_found", failure.message, refused)
    case "DiskFailed":
    case "TaskStoreFailed":
      return new RpcError("internal", failure.message, { executed: "maybe" })
  }
}

/** An answer that is an AsyncIterable is a stream of items, for callers that ask for one. */
export type Method = (argument: unknown) => Effect.Effect<unknown, RpcError>

export type NodeInfo = { readonly nodeId: string; readonly version: string }

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

/** The methods of the service `node_manager`, by name. */
export class NodeMethods extends Context.Service<NodeMethods, ReadonlyMap<string, Method>>()(
  "muster/node/control/NodeMethods",
) {
  static readonly layer = (info: NodeInfo) =>
    Layer.effect(
      NodeMethods,
      Effect.gen(function* () {
        const cron = yield* Cron
        const discovery = yield* Discovery
        const supervisor = yield* Supervisor
        const tasks = yield* TaskQueues
        const trust = yield* Trust
        const changes = yield* NodeChanges
        const logs = yield* Logs
        const notices = yield* Notices
        const crashes = yield* crashReading
        const inspect = yield* inspecting
        const startedAt = yield* Clock.currentTimeMillis

        const status = Effect.gen(function* () {
          // Read first: what changes meanwhile is told by the next poll.
          const seq = yield* changes.seq
          const lists = yield* discovery.lists
          const answer: NodeStatus = {
            seq,
            nodeId: info.nodeId,
            version: info.version,
            pid: ownPid(),
            startedAt,
            cpus: cpuCount(),
            lists: lists.map(({ service, revision }) => ({ service, revision })),
            processesRevision: yield* supervisor.revision,
            trustRevision: yield* trust.revision,
            processes: yield* supervisor.statuses,
            cronRevision: yield* cron.revision,
            cron: yield* cron.statuses,
            notices: yield* notices.all,
          }
          return answer
        })

        return new Map<string, Method>([
          ...(yield* cronMethods),
          [
            nodeMethods.status,
            method(StatusRequest, ({ after, waitMs }) =>
              changes
                .above(after)
                .pipe(
                  Effect.andThen(Effect.sleep(statusBatchMs)),
                  Effect.timeoutOption(waitMs),
                  Effect.andThen(status),
                ),
            ),
          ],
          [nodeMethods.applyList, method(ApplyListRequest, (request) => discovery.apply(request))],
          [
            nodeMethods.removeList,
            method(RemoveListRequest, ({ service }) => Effect.as(discovery.remove(service), null)),
          ],
          [
            nodeMethods.applyProcesses,
            method(ApplyProcessesRequest, (set) => Effect.map(supervisor.apply(set), (revision) => ({ revision }))),
          ],
          [nodeMethods.reloadProcess, method(ProcessName, ({ name }) => supervisor.reload(name))],
          [nodeMethods.restartProcess, method(InstanceRequest, (instance) => supervisor.restart(instance))],
          [nodeMethods.processStats, method(ProcessName, ({ name }) => supervisor.stats(name))],
          [nodeMethods.inspectProcess, method(ProcessName, ({ name }) => inspect(name))],
          [nodeMethods.listCrashes, method(CrashesRequest, ({ name }) => crashes.list(name))],
          [nodeMethods.getCrash, method(CrashRequest, ({ id }) => crashes.get(id))],
          [nodeMethods.readLogs, method(LogsRequest, (request) => logs.read(request))],
          [nodeMethods.listLogs, method(ProcessName, ({ name }) => logs.files(name))],
          [nodeMethods.listTasks, method(TasksRequest, (request) => tasks.list(request))],
          [
            nodeMethods.requeueTasks,
            method(TasksChange, (change) => Effect.map(tasks.requeue(change), (changed) => ({ changed }))),
          ],
          [
            nodeMethods.discardTasks,
            method(TasksChange, (change) => Effect.map(tasks.discard(change), (changed) => ({ changed }))),
          ],
          [
            nodeMethods.applyTrust,
            method(ApplyTrustRequest, (next) => Effect.map(trust.apply(next), (revision) => ({ revision }))),
          ],
        ])
      }),
    )
}
