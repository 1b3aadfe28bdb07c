import { Data, Effect, Option, Schema, Stream } from "effect"
import type { ErrorCode } from "../../domain/ErrorCode.ts"
import { type Problem, Verdict } from "../../domain/Problem.ts"
import type { CronSet } from "../../domain/Cron.ts"
import type { ProcessSet } from "../../domain/ProcessSpec.ts"
import { nodeManager } from "../../domain/ServiceName.ts"
import type { TlsMaterial } from "../../platform/Transport.ts"
import { controlLimits } from "../../protocol/Limits.ts"
import { LogBatch, LogFiles, type LogsRequest } from "../../protocol/LogMessages.ts"
import {
  Applied,
  ListAck,
  nodeMethods,
  NodeStatus,
  ProcessStats,
  ReloadVerdict,
  TaskPage,
  TasksChanged,
} from "../../protocol/NodeManager.ts"
import {
  CronHistory,
  type CronHistoryRequest,
  CronOutput,
  CronRun,
  CronRuns,
  type CronRunsRequest,
  CronStarted,
  type CronStartRequest,
  type CronStopRequest,
} from "../../protocol/CronMessages.ts"
import type { ApplyListRequest, ApplyTrustRequest, TasksChange, TasksRequest } from "../../protocol/NodeManager.ts"
import {
  Crashes,
  CrashReport,
  type InstanceRequest,
  ProcessInspection,
  RestartVerdict,
} from "../../protocol/ProcessMessages.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { RpcConnection } from "../../rpc/RpcConnection.ts"
import { managerName, nodeName } from "./Authority.ts"

export type NodeAddress = {
  readonly id: string
  readonly ip: string
  readonly port: number
  readonly joinedAt: number
}

/** A node could not be reached, or refused a call. */
export class NodeCallError extends Data.TaggedError("NodeCallError")<{
  readonly code: ErrorCode
  readonly message: string
  readonly details: unknown
  /** Known without a look at the code. */
  readonly is?: Problem
}> {
  /** What a page says of it. */
  get problem(): Problem {
    if (this.is !== undefined) return this.is
    if (this.code === "deadline_exceeded") return { _tag: "NoAnswer" }
    return Option.getOrElse(
      Option.map(decodeGuarded(this.details), ({ guard }): Problem => ({ _tag: "Guarded", verdict: guard })),
      (): Problem => ({ _tag: "Refused", detail: this.message }),
    )
  }
}

const decodeGuarded = Schema.decodeUnknownOption(Schema.Struct({ guard: Verdict }))

export const connectTimeoutMs = 2_000
export const callTimeoutMs = 3_000
/** How long a node may hold a status question open, and how much later than that it is given up. */
const pollWaitMs = 20_000
/** A run may take its time to end; less than a connection to the page may be silent. */
const cronEndMs = 40_000

const logBatchesAhead = 4

const toCallError = (cause: unknown) =>
  cause instanceof RpcError
    ? new NodeCallError({ code: cause.code, message: cause.message, details: cause.details })
    : new NodeCallError({
        code: "unavailable",
        message: cause instanceof Error ? cause.message : String(cause),
        details: null,
      })

const decodeStatus = Schema.decodeUnknownEffect(NodeStatus)
const decodeAck = Schema.decodeUnknownEffect(ListAck)
const decodeApplied = Schema.decodeUnknownEffect(Applied)
const decodeStats = Schema.decodeUnknownEffect(ProcessStats)
const decodeVerdict = Schema.decodeUnknownEffect(ReloadVerdict)
const decodeRestart = Schema.decodeUnknownEffect(RestartVerdict)
const decodeInspection = Schema.decodeUnknownEffect(ProcessInspection)
const decodeCrashes = Schema.decodeUnknownEffect(Crashes)
const decodeCrash = Schema.decodeUnknownEffect(CrashReport)
const decodeTasks = Schema.decodeUnknownEffect(TaskPage)
const decodeBatch = Schema.decodeUnknownEffect(LogBatch)
const decodeFiles = Schema.decodeUnknownEffect(LogFiles)
const decodeChanged = Schema.decodeUnknownEffect(TasksChanged)

const decodeCronRun = Schema.decodeUnknownEffect(CronRun)
const decodeCronRuns = Schema.decodeUnknownEffect(CronRuns)
const decodeCronHistory = Schema.decodeUnknownEffect(CronHistory)
const decodeCronOutput = Schema.decodeUnknownEffect(CronOutput)
const decodeCronStarted = Schema.decodeUnknownEffect(CronStarted)

const readable = <A>(method: string, decoded: Effect.Effect<A, Schema.SchemaError>) =>
  Effect.mapError(
    decoded,
    (error) =>
      new NodeCallError({
        code: "internal",
        message: `Cannot read the answer of ${method}: ${error.message}`,
        details: null,
      }),
  )

/** One open connection to a node: node_manager's methods, with their answers decoded. Calls are pipelined. */
export type NodeLink = ReturnType<typeof linkOver>

const linkOver = (connection: RpcConnection) => {
  const call = (method: string, argument: unknown, timeoutMs: number) =>
    Effect.tryPromise({
      try: (signal) => connection.call(method, [argument], { timeoutMs, signal }),
      catch: toCallError,
    })
  const ask = <A>(
    method: string,
    argument: unknown,
    decode: (answer: unknown) => Effect.Effect<A, Schema.SchemaError>,
    timeoutMs = callTimeoutMs,
  ) => Effect.flatMap(call(method, argument, timeoutMs), (answer) => readable(method, decode(answer)))
  return {
    /** At once. */
    status: ask(nodeMethods.status, { after: 0, waitMs: 0 }, decodeStatus),
    /** When something has changed since `after`, or 20 s later. */
    nextStatus: (after: number) =>
      Effect.flatMap(call(nodeMethods.status, { after, waitMs: pollWaitMs }, pollWaitMs + callTimeoutMs), (answer) =>
        readable(nodeMethods.status, decodeStatus(answer)),
      ),
    applyList: (request: typeof ApplyListRequest.Type) => ask(nodeMethods.applyList, request, decodeAck),
    removeList: (service: string) => Effect.asVoid(call(nodeMethods.removeList, { service }, callTimeoutMs)),
    applyProcesses: (set: ProcessSet) => ask(nodeMethods.applyProcesses, set, decodeApplied),
    /** Answers when the reload is over, at most `timeoutMs` later. */
    reloadProcess: (name: string, timeoutMs: number) =>
      Effect.flatMap(call(nodeMethods.reloadProcess, { name }, timeoutMs), (answer) =>
        readable(nodeMethods.reloadProcess, decodeVerdict(answer)),
      ),
    /** Answers when the processes are up again, or have failed to, at most `timeoutMs` later. */
    restartProcess: (request: InstanceRequest, timeoutMs: number) =>
      Effect.flatMap(call(nodeMethods.restartProcess, request, timeoutMs), (answer) =>
        readable(nodeMethods.restartProcess, decodeRestart(answer)),
      ),
    processStats: (name: string) => ask(nodeMethods.processStats, { name }, decodeStats),
    inspectProcess: (name: string) => ask(nodeMethods.inspectProcess, { name }, decodeInspection),
    listCrashes: (name: string) => ask(nodeMethods.listCrashes, { name }, decodeCrashes),
    getCrash: (id: string) => ask(nodeMethods.getCrash, { id }, decodeCrash),
    listTasks: (request: typeof TasksRequest.Type) => ask(nodeMethods.listTasks, request, decodeTasks),
    requeueTasks: (change: typeof TasksChange.Type) => ask(nodeMethods.requeueTasks, change, decodeChanged),
    discardTasks: (change: typeof TasksChange.Type) => ask(nodeMethods.discardTasks, change, decodeChanged),
    /** Answers when the runs of tasks that are gone have ended. */
    applyCron: (set: CronSet) => ask(nodeMethods.applyCron, set, decodeApplied, cronEndMs),
    cronRuns: (request: typeof CronRunsRequest.Type) => ask(nodeMethods.cronRuns, request, decodeCronRuns),
    cronHistory: (request: typeof CronHistoryRequest.Type) => ask(nodeMethods.cronHistory, request, decodeCronHistory),
    cronOutput: (runId: string) => ask(nodeMethods.cronOutput, { runId }, decodeCronOutput),
    startCron: (request: typeof CronStartRequest.Type) => ask(nodeMethods.startCron, request, decodeCronStarted),
    /** Answers when it has ended. */
    stopCron: (request: typeof CronStopRequest.Type) => ask(nodeMethods.stopCron, request, decodeCronRun, cronEndMs),
    /** Batches that may be on their way are few: a reader that is slow makes the node read more slowly, and no more. */
    readLogs: (request: LogsRequest) =>
      Stream.suspend(() =>
        Stream.fromAsyncIterable(
          connection.stream(nodeMethods.readLogs, [request], { timeoutMs: Infinity, window: logBatchesAhead }),
          toCallError,
        ),
      ).pipe(Stream.mapEffect((batch) => readable(nodeMethods.readLogs, decodeBatch(batch)))),
    logFiles: (name: string) => ask(nodeMethods.listLogs, { name }, decodeFiles),
    applyTrust: (request: typeof ApplyTrustRequest.Type) => ask(nodeMethods.applyTrust, request, decodeApplied),
  }
}

/** Connects to a node and checks that it is this one by its certificate. Closed with the scope. */
export const openLink = Effect.fnUntraced(function* (node: NodeAddress, tls: TlsMaterial) {
  const opening = Effect.tryPromise({
    try: async (signal) => {
      const connection = await RpcConnection.open({
        to: { host: node.ip, port: node.port },
        tls: { ...tls, expectedName: nodeName(node.id) },
        client: managerName,
        service: nodeManager,
        handshakeTimeoutMs: connectTimeoutMs,
        limits: controlLimits,
      })
      // Interrupted meanwhile: nobody is left to close it.
      if (signal.aborted) connection.close()
      return connection
    },
    catch: toCallError,
  })
  const connection = yield* Effect.acquireRelease(opening, (connection) => Effect.sync(() => connection.close()), {
    interruptible: true,
  })
  return linkOver(connection)
})
