/** The methods of the agent's unix socket, service `agent`: what a worker process tells its agent. */
export const workerMethods = {
  ready: "Worker.ready",
  failed: "Worker.failed",
  report: "Worker.report",
} as const

export const agentService = "agent"

/** The environment variable with the WorkerSettings as JSON. */
export const workerSettingsVariable = "MUSTER_WORKER"

export interface WorkerSettings {
  readonly service: string
  /** The process set on its node: `<service>@<port>`. */
  readonly name: string
  readonly slot: number
  /** Workers of the set. */
  readonly count: number
  /** Absolute path of the user's module. */
  readonly module: string
  /** The inherited listening socket. */
  readonly listenFd: number
  readonly agentSocket: string
  /** Where key.pem, cert.pem and ca.pem are; absent for a plain port. */
  readonly tls?: { readonly dir: string }
  readonly drainTimeoutMs: number
  readonly dataDir: string
}

/** Whose message it is. The agent believes only a pid that it has started itself. */
export interface WorkerKey {
  readonly name: string
  readonly slot: number
  readonly pid: number
}

export interface WorkerReady extends WorkerKey {
  readonly methods: ReadonlyArray<string>
}

export interface WorkerFailed extends WorkerKey {
  /** One line: an error of the module with its place, or what nobody caught. */
  readonly reason: string
}

/** Sent each second. */
export interface WorkerReport extends WorkerKey {
  readonly connections: number
  readonly openCalls: number
  /** Calls answered since the worker's start. */
  readonly served: number
  readonly memoryBytes: number
  /** The longest time in the last second that the event loop was late, in milliseconds. */
  readonly loopLagMs: number
}
