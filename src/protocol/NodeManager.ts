import { Schema } from "effect"
import { Address, Port } from "../domain/Endpoint.ts"
import { EndpointList, Revision } from "../domain/EndpointList.ts"
import { Desired, ProcessSet } from "../domain/ProcessSpec.ts"
import { ServiceName } from "../domain/ServiceName.ts"
import { CronTaskStatus } from "./CronMessages.ts"

/**
 * The methods of the service `node_manager`: what the manager may ask of a node. Each takes one argument, an object.
 * All but `ping` need the manager's certificate.
 */
export const nodeMethods = {
  status: "Node.status",
  applyList: "Discovery.apply",
  removeList: "Discovery.remove",
  applyProcesses: "Processes.apply",
  /** ProcessName; answers ReloadVerdict when it is over. */
  reloadProcess: "Processes.reload",
  /** InstanceRequest; ends processes and starts them anew; answers RestartVerdict when it is over. */
  restartProcess: "Processes.restart",
  /** ProcessName; answers ProcessStats. */
  processStats: "Processes.stats",
  /** ProcessName; answers ProcessInspection. */
  inspectProcess: "Processes.inspect",
  /** CrashesRequest; answers Crashes. */
  listCrashes: "Crashes.list",
  /** CrashRequest; answers CrashReport. */
  getCrash: "Crashes.get",
  /** LogsRequest; a stream of LogBatch. */
  readLogs: "Logs.read",
  /** ProcessName; answers LogFiles. */
  listLogs: "Logs.files",
  /** CronSet; answers Applied. Tasks that are gone have ended when it answers. */
  applyCron: "Cron.apply",
  /** CronRunsRequest; answers CronRuns. */
  cronRuns: "Cron.runs",
  /** CronHistoryRequest; answers CronHistory. */
  cronHistory: "Cron.history",
  /** CronRunRequest; answers CronOutput. */
  cronOutput: "Cron.output",
  /** CronStartRequest; answers CronStarted. */
  startCron: "Cron.start",
  /** CronStopRequest; answers CronRun. */
  stopCron: "Cron.stop",
  /** TasksRequest; answers TaskPage. */
  listTasks: "Tasks.list",
  /** TasksChange: dead letters are queued again; answers TasksChanged. */
  requeueTasks: "Tasks.requeue",
  /** TasksChange: dead letters are thrown away; answers TasksChanged. */
  discardTasks: "Tasks.discard",
  applyTrust: "Trust.apply",
} as const

/** A node gathers what changes for so long before it answers a long poll: acks of a push must not queue behind it. */
export const statusBatchMs = 100

const Count = Schema.Finite

const MethodStats = Schema.Struct({
  calls: Count,
  running: Count,
  errors: Schema.Record(Schema.String, Count),
  latency: Schema.Array(Count),
  maxMicros: Count,
  totalMicros: Count,
})

/** StatsSnapshot of protocol/Stats.ts, as it is read from the wire. */
export const Stats = Schema.Struct({
  start_time: Count,
  connection_num: Count,
  accept_count: Count,
  close_count: Count,
  abort_count: Count,
  worker_num: Count,
  idle_worker_num: Count,
  task_worker_num: Count,
  request_count: Count,
  response_count: Count,
  total_recv_bytes: Count,
  total_send_bytes: Count,
  concurrency: Count,
  tasking_num: Count,
  task_queue_num: Count,
  task_dead_num: Count,
  rss_bytes: Count,
  loop_lag_ms: Count,
  methods: Schema.Record(Schema.String, MethodStats),
})

const JsonSchemaField = Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))

/** MethodInfo of protocol/Reflection.ts, as it is read from the wire. */
export const MethodDescription = Schema.Struct({
  name: Schema.String,
  parameters: Schema.Array(Schema.Struct({ name: Schema.String, optional: Schema.Boolean, schema: JsonSchemaField })),
  rest: Schema.Boolean,
  kind: Schema.Literals(["unary", "stream"]),
  idempotent: Schema.Boolean,
  output: JsonSchemaField,
  description: Schema.optionalKey(Schema.String),
})

/** Long poll: answers when the node's `seq` is above `after`, or after `waitMs`. `after: 0` answers at once. */
export const StatusRequest = Schema.Struct({
  after: Schema.Int,
  waitMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60_000 })),
})

export const WorkerStatus = Schema.Struct({
  slot: Schema.Int,
  pid: Schema.NullOr(Schema.Int),
  state: Schema.Literals(["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL"]),
  /** Unexpected exits since the process set was started. */
  restarts: Schema.Int,
  /** Why it is in this state: an exit code, a signal, an error of the module with its place. */
  reason: Schema.NullOr(Schema.String),
  /** Milliseconds since 1970. */
  since: Schema.Int,
  /** It is RUNNING and its readiness probe, if it has one, is good. */
  ready: Schema.Boolean,
  /** It was started by an agent before this one: how it ends may not be known. */
  adopted: Schema.Boolean,
})
export type WorkerStatus = typeof WorkerStatus.Type

export const ProcessStatus = Schema.Struct({
  name: Schema.String,
  service: ServiceName,
  kind: Schema.Literals(["module", "command"]),
  /** null: it listens nowhere. */
  listen: Schema.NullOr(Schema.Struct({ ip: Address, port: Port })),
  specRevision: Revision,
  desired: Desired,
  /** RUNNING: at least one worker is ready; the worst of the workers' states otherwise. */
  state: WorkerStatus.fields.state,
  reason: Schema.NullOr(Schema.String),
  since: Schema.Int,
  workers: Schema.Array(WorkerStatus),
  /** Of the service's task workers. */
  taskWorkers: Schema.Array(WorkerStatus),
  /** The reload that runs, or the last one; null: none since the agent's start. */
  reload: Schema.NullOr(
    Schema.Struct({
      state: Schema.Literals(["running", "done", "failed", "superseded"]),
      replaced: Schema.Int,
      total: Schema.Int,
      reason: Schema.NullOr(Schema.String),
      startedAt: Schema.Int,
      endedAt: Schema.NullOr(Schema.Int),
    }),
  ),
  /** What it waits for before it starts: `cache is not ready`; null: nothing. */
  waitingFor: Schema.NullOr(Schema.String),
  /** Why limits that were asked for are not in force on this node; null: they are, or none were. */
  limitsMissing: Schema.NullOr(Schema.String),
  crashes: Schema.Struct({ count: Schema.Int, lastAt: Schema.NullOr(Schema.Finite) }),
})
export type ProcessStatus = typeof ProcessStatus.Type

/** Something on the node that a person should see, and that is still so. */
export const NodeNotice = Schema.Struct({
  /** `logs-stopped`: a log can't be written; `limits`: cgroups can't be used; … */
  code: Schema.String,
  /** What it is about: a process set, a path. */
  subject: Schema.String,
  message: Schema.String,
  since: Schema.Int,
})
export type NodeNotice = typeof NodeNotice.Type

/** What a node says of itself. `seq` grows with every change of anything in it. */
export const NodeStatus = Schema.Struct({
  seq: Schema.Int,
  nodeId: Schema.String,
  version: Schema.String,
  pid: Schema.Int,
  startedAt: Schema.Int,
  cpus: Schema.Int,
  /** The revision of each list that stands durably on the node's disk. */
  lists: Schema.Array(Schema.Struct({ service: ServiceName, revision: Revision })),
  /** 0: none was ever applied. */
  processesRevision: Schema.Int,
  trustRevision: Schema.Int,
  processes: Schema.Array(ProcessStatus),
  /** 0: none was ever applied. */
  cronRevision: Schema.Int,
  cron: Schema.Array(CronTaskStatus),
  notices: Schema.Array(NodeNotice),
})
export type NodeStatus = typeof NodeStatus.Type

/** A person let this revision pass the guard, by name. */
export const GuardOverride = Schema.Struct({ by: Schema.String, reason: Schema.String })
export type GuardOverride = typeof GuardOverride.Type

/**
 * Delivers a list. Refusals: `invalid_argument` naming the field; `failed_precondition` with
 * `details: { guard: GuardVerdict }` when the guard objects. A revision at or below the node's own is ignored, and
 * answered with what the node has.
 */
export const ApplyListRequest = Schema.Struct({
  list: EndpointList,
  override: Schema.optionalKey(GuardOverride),
})

/** Sent after the file is durable: what stands on the disk now. */
export const ListAck = Schema.Struct({
  service: ServiceName,
  revision: Revision,
  /** false: the node already had this revision or a newer one. */
  applied: Schema.Boolean,
  /** Milliseconds the node took to make it durable. */
  durableMs: Schema.Finite,
})
export type ListAck = typeof ListAck.Type

/** The node is no client of the service any more: its file goes. */
export const RemoveListRequest = Schema.Struct({ service: ServiceName })

/** The whole of what the node has to run; an older revision is refused with `failed_precondition`. */
export const ApplyProcessesRequest = ProcessSet

export const ProcessName = Schema.Struct({ name: Schema.String })

/** What a reload came to. `failed`: the workers that served before it serve on, but for the `replaced` ones. */
export const ReloadVerdict = Schema.Struct({
  outcome: Schema.Literals(["done", "failed", "superseded"]),
  replaced: Schema.Int,
  total: Schema.Int,
  /** Why it failed: what the new worker said, or that it was not ready in time. */
  reason: Schema.NullOr(Schema.String),
  tookMs: Schema.Finite,
})
export type ReloadVerdict = typeof ReloadVerdict.Type

/** The figures of a process set, added up over its workers; and of each worker. */
export const ProcessStats = Schema.Struct({
  name: Schema.String,
  /** Milliseconds since 1970: when they were read. */
  at: Schema.Finite,
  stats: Stats,
  workers: Schema.Array(
    Schema.Struct({
      slot: Schema.Int,
      kind: Schema.Literals(["calls", "tasks"]),
      pid: Schema.Int,
      request_count: Schema.Finite,
      connection_num: Schema.Finite,
      concurrency: Schema.Finite,
      rss_bytes: Schema.Finite,
      loop_lag_ms: Schema.Finite,
    }),
  ),
  methods: Schema.Array(MethodDescription),
  /** Calls that are refused since they were in flight when workers crashed. */
  poison: Schema.Array(Schema.Struct({ hash: Schema.String, method: Schema.String, crashes: Schema.Int })),
})
export type ProcessStats = typeof ProcessStats.Type

const TaskState = Schema.Literals(["waiting", "running", "dead"])

export const TasksRequest = Schema.Struct({
  name: Schema.String,
  state: TaskState,
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 })),
  /** Those after this one, as a page before it ended with it. */
  after: Schema.optionalKey(Schema.String),
})

export const TaskView = Schema.Struct({
  id: Schema.String,
  task: Schema.String,
  state: TaskState,
  attempts: Schema.Int,
  attemptsMax: Schema.Int,
  /** As JSON text, cut at 4 KiB. */
  payload: Schema.String,
  queuedAt: Schema.Int,
  /** When it runs next; null while it runs or is dead. */
  dueAt: Schema.NullOr(Schema.Int),
  error: Schema.NullOr(Schema.String),
})
export type TaskView = typeof TaskView.Type

export const TaskPage = Schema.Struct({
  tasks: Schema.Array(TaskView),
  counts: Schema.Struct({ waiting: Schema.Int, running: Schema.Int, dead: Schema.Int }),
})
export type TaskPage = typeof TaskPage.Type

/** Dead letters by id, or all of the process set. */
export const TasksChange = Schema.Struct({
  name: Schema.String,
  ids: Schema.Union([Schema.Literal("all"), Schema.Array(Schema.String)]),
})
export const TasksChanged = Schema.Struct({ changed: Schema.Int })

/** Serial numbers (lower-case hex) of certificates that are valid by date but not to be trusted any more. */
export const ApplyTrustRequest = Schema.Struct({
  revision: Revision,
  revoked: Schema.Array(Schema.String),
})

export const Applied = Schema.Struct({ revision: Schema.Int })

/** Body of `POST /join` on the manager's page, and its answer. PEM texts. */
export const JoinRequest = Schema.Struct({
  token: Schema.String,
  name: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, { message: "is not a host name" })),
  /** Where the manager reaches the agent. `ip` empty: the address the request came from. */
  ip: Schema.String,
  port: Port,
  csr: Schema.String,
  version: Schema.String.check(Schema.isMaxLength(64, { message: "must have at most 64 characters" })),
})
export const JoinAnswer = Schema.Struct({
  nodeId: Schema.String,
  ip: Address,
  certificate: Schema.String,
  ca: Schema.String,
})
export type JoinAnswer = typeof JoinAnswer.Type
