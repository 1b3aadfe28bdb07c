import type { RpcSettings } from "../domain/RpcSettings.ts"
import type { MethodInfo } from "./Reflection.ts"
import type { StatsSnapshot } from "./Stats.ts"
import type { TaskOptions } from "./TaskOptions.ts"

/** The methods of the agent's unix socket, service `agent`: what a worker process tells and asks its agent. */
export const workerMethods = {
  /** WorkerReady: it accepts calls, or takes tasks. Said again after each loss of the link, maybe to another agent. */
  ready: "Worker.ready",
  /** WorkerFailed: why it ends. */
  failed: "Worker.failed",
  /** WorkerReport, each second in which something has changed. */
  report: "Worker.report",
  /** WorkerBeat, when nothing has, each `idleReportMs` of the orders. Sent without waiting for an answer. */
  beat: "Worker.beat",
  /** OrdersWanted; waits for other orders than are known, at most `ordersWaitMs`, and answers WorkerOrders. */
  orders: "Worker.orders",
  /** WorkerKey; answers the StatsSnapshot of the whole process set on this node. */
  stats: "Worker.stats",
  /**
   * TaskToQueue; answers TaskQueued. `resource_exhausted` at once when the queue is full. Asked again with the same id it
   * queues nothing a second time: the answer may have been lost with the agent.
   */
  queueTask: "Task.queue",
  /** WorkerKey of a task worker; waits for a task, at most `taskTakeMs`, and answers TaskToRun, or null. */
  takeTask: "Task.take",
  /** WorkerKey: it takes no more tasks. Its take that waits is answered with null; cancelled, it could lose a task. */
  leaveTasks: "Task.leave",
  /** TaskOutcome: what became of the task that this worker took. */
  endTask: "Task.end",
  /** KeyToBegin; answers KeyBegun. */
  beginKey: "Key.begin",
  /** KeyResult: the outcome of a call that was begun under an idempotency key. */
  endKey: "Key.end",
} as const

export const agentService = "agent"

/** Where a worker answers `ping` for its agent's probes, beside the agent's socket; no longer than that one's name. */
export const pingSocketPath = (agentSocket: string, pid: number): string => agentSocket.replace(/[^/]*$/, `p${pid}`)

/** The environment variable with the WorkerSettings as JSON. */
export const workerSettingsVariable = "MUSTER_WORKER"

/** What a worker process is for: to answer calls on the service's port, or to run the service's queued tasks. */
export type WorkerKind = "calls" | "tasks"

export interface WorkerSettings {
  readonly service: string
  /** The process set on its node: `<service>@<port>`. */
  readonly name: string
  readonly kind: WorkerKind
  /** Which of the workers of its kind, from 0. */
  readonly slot: number
  /** Workers of its kind in the set. */
  readonly count: number
  /** Absolute path of the user's module. */
  readonly module: string
  /** The inherited listening socket; absent for a task worker. */
  readonly listenFd?: number
  readonly agentSocket: string
  /** Where key.pem, cert.pem and ca.pem are; absent for a plain port. */
  readonly tls?: { readonly dir: string }
  readonly drainTimeoutMs: number
  readonly dataDir: string
  readonly rpc: RpcSettings
  /** The file, made by the agent, in which the worker keeps what it is executing (`worker/Journal.ts`). */
  readonly journal?: string
  /** Calls to refuse, because they were in flight when workers crashed: their hashes, as the journal writes them. */
  readonly poison: ReadonlyArray<string>
}

/** Whose message it is. The agent believes only a pid that it, or an agent before it, has started. */
export interface WorkerKey {
  readonly name: string
  readonly kind: WorkerKind
  readonly slot: number
  readonly pid: number
}

export interface WorkerReady extends WorkerKey {
  readonly methods: ReadonlyArray<MethodInfo>
  /** Names of the tasks that the module can run. */
  readonly tasks: ReadonlyArray<string>
  /** It drains: it was asked to end already, and a second time would cut off what it does. */
  readonly isDraining?: true
  /** The task that it has taken, and of which no agent has heard yet what became of it. */
  readonly running?: { readonly id: string; readonly attempt: number }
}

export interface WorkerFailed extends WorkerKey {
  /** One line: an error of the module with its place, or what nobody caught. */
  readonly reason: string
}

/** When the agent hears neither this nor a beat for `heartbeatTimeoutMs` the worker is stuck. */
export interface WorkerReport extends WorkerKey {
  /** Of this worker alone, since its start. */
  readonly stats: StatsSnapshot
  /** Calls that run now, the oldest first, at most 20. */
  readonly openCalls: ReadonlyArray<{ readonly method: string; readonly ageMs: number; readonly remote: string }>
  readonly openCallCount: number
  /** Of the suspects in the last orders, those that it has run to their end since. */
  readonly harmless?: ReadonlyArray<string>
}

/** All that there is to say of a worker that idles: a report costs the agent much more. */
export interface WorkerBeat extends WorkerKey {
  readonly rssBytes: number
  readonly loopLagMs: number
}

/** A worker's wait for orders ends by then: it asks again. */
export const ordersWaitMs = 60_000

export interface OrdersWanted extends WorkerKey {
  /** The revision of the last orders of this agent; 0: none yet. */
  readonly known: number
}

/** What the agent tells its workers when it has changed. */
export interface WorkerOrders {
  /** Grows with each change. */
  readonly revision: number
  readonly idleReportMs: number
  /** As in WorkerSettings; the whole list each time. */
  readonly poison: ReadonlyArray<string>
  /** Calls that were in flight when a worker crashed: which of them end well is to be reported as `harmless`. */
  readonly suspects: ReadonlyArray<string>
  /** What its service is called, when that has changed since its start: callers ask for it by this name now. */
  readonly service?: string
}

/** A task worker's wait for a task ends by then. */
export const taskTakeMs = 20_000

export interface TaskToQueue extends WorkerKey {
  /** A ULID; absent: the agent gives it one. */
  readonly id?: string
  readonly task: string
  readonly payload: unknown
  readonly options: TaskOptions
  readonly traceparent?: string
}

export interface TaskQueued {
  /** It is on the disk now, and runs at least once. */
  readonly id: string
}

export interface TaskToRun {
  readonly id: string
  readonly task: string
  readonly payload: unknown
  /** From 1. */
  readonly attempt: number
  readonly timeoutMs: number
  readonly traceparent?: string
}

export interface TaskOutcome extends WorkerKey {
  readonly id: string
  readonly attempt: number
  /** Undefined: done. */
  readonly error?: { readonly code: string; readonly message: string }
  /** It did not end: its worker leaves. It runs again at once, and the attempt does not count. */
  readonly isCut?: true
}

export interface KeyToBegin extends WorkerKey {
  /** Caller and key together: nobody meets another's key by chance. */
  readonly key: string
  /** Hash of method and arguments: the same key with other arguments is a mistake of the caller's. */
  readonly request: string
  /** Which of this worker's calls asks: when the answer was lost with the agent, it asks again by the same number. */
  readonly call?: number
}

/**
 * `run`: this worker is to run the call, and to say what became of it. `done`: it was run, and this is what became of it.
 * `running`: it runs now, or ran on a worker that has died since: nobody knows what became of it. `mismatch`: the key was
 * used for another call.
 */
export type KeyBegun =
  | { readonly state: "run" | "mismatch" }
  | { readonly state: "running"; readonly lost: boolean }
  | { readonly state: "done"; readonly outcome: KeyOutcome }

export type KeyOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly details: unknown }

export interface KeyResult extends WorkerKey {
  readonly key: string
  readonly outcome: KeyOutcome
}
