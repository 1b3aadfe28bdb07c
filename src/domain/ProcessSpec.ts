import { Effect, Schema, Struct } from "effect"
import { CommandLine } from "./CommandLine.ts"
import { Address, Port } from "./Endpoint.ts"
import { Revision, TlsMode } from "./EndpointList.ts"
import { Probe } from "./Probe.ts"
import { defaultRpcSettings, RpcSettings } from "./RpcSettings.ts"
import { defaultRunSettings, RunSettings } from "./RunSetting.ts"
import { ServiceName } from "./ServiceName.ts"

export const workersMax = 256

/** Worker processes on one port; 0 means one for each CPU of the node. */
export const WorkerCount = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: workersMax }, { message: `must be a whole number from 0 to ${workersMax}` }),
)

/** What an operator wants of a process. */
export const Desired = Schema.Literals(["running", "stopped"])
export type Desired = typeof Desired.Type

const EnvName = Schema.String.check(Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_]*$/, { message: "is not a variable name" }))

const Environment = Schema.Record(EnvName, Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed({})))

const AbsolutePath = Schema.String.check(Schema.isPattern(/^\//, { message: "must be an absolute path on the node" }))

/** What must be so before a process set is started for the first time, and after each start of the agent. */
const Dependency = Schema.Struct({
  service: ServiceName,
  /** `started`: a process of it is up; `ready`: one is ready; `completed`: all of them have ended well. On this node. */
  condition: Schema.Literals(["started", "ready", "completed"]),
})
export type Dependency = typeof Dependency.Type

/** Whether a process that has ended is started again: always, after an unexpected end only, or never. */
const RestartPolicy = Schema.Literals(["always", "unexpected", "never"])
export type RestartPolicy = typeof RestartPolicy.Type

const ExitCode = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }, { message: "must be 0 to 255" }))

/** What both kinds have. */
const common = {
  service: ServiceName,
  env: Environment,
  /** A file of NAME=value lines on the node, read at each start; `env` goes before it. */
  envFile: Schema.optionalKey(AbsolutePath),
  desired: Desired.pipe(Schema.withDecodingDefaultKey(Effect.succeed("running" as const))),
  /** How long it may take to end after it was asked to, with its open calls, before it is killed. */
  drainTimeoutMs: Schema.Int.check(
    Schema.isBetween({ minimum: 0, maximum: 3_600_000 }, { message: "must be 0 to 3600000 milliseconds" }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(30_000))),
  /** Lower ones start first and stop last. */
  startOrder: Schema.Int.check(
    Schema.isBetween({ minimum: 0, maximum: 999 }, { message: "must be a whole number from 0 to 999" }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(500))),
  dependsOn: Schema.Array(Dependency).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  restart: RestartPolicy.pipe(Schema.withDecodingDefaultKey(Effect.succeed("always" as const))),
  /** What counts as a good end. */
  successCodes: Schema.Array(ExitCode).pipe(Schema.withDecodingDefaultKey(Effect.succeed([0]))),
  /** Until it is good the process is not READY; calls are not led to it, and a reload waits. */
  readiness: Schema.optionalKey(Probe),
  /** When it turns bad the process is replaced. */
  liveness: Schema.optionalKey(Probe),
  run: RunSettings.pipe(Schema.withDecodingDefaultKey(Effect.succeed(defaultRunSettings))),
}

/** A module for Muster's own workers. `module` is an absolute path on the node. */
export const ModuleSpec = Schema.Struct({
  ...common,
  kind: Schema.Literal("module"),
  module: Schema.String.check(
    Schema.isPattern(/^\/.+\.(?:[cm]?[jt]s|[jt]sx)$/, {
      message: "must be the absolute path of a .ts or .js file on the node",
    }),
  ),
  workers: WorkerCount.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  tls: TlsMode.pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))),
  /** How its workers answer calls. */
  rpc: RpcSettings.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
})
export type ModuleSpec = typeof ModuleSpec.Type

/** The name of a user or a group, or its number; empty: the agent's own. */
const UserName = Schema.String.check(
  Schema.isPattern(/^(?:[a-z_][a-z0-9_.-]*\$?|\d{1,10})?$/i, { message: "must be a name or a number" }),
).pipe(Schema.withDecodingDefaultKey(Effect.succeed("")))

export const stopSignals = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"] as const
const StopSignal = Schema.Literals(stopSignals)
export type StopSignal = typeof StopSignal.Type

/** Resources that a process may be limited in, by the names of `setrlimit`. */
export const rlimitNames = ["as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "stack"] as const
const RlimitValue = Schema.Union([
  Schema.Literal("unlimited"),
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { message: 'must be a whole number, or "unlimited"' })),
])

/** Any program. */
export const CommandSpec = Schema.Struct({
  ...common,
  kind: Schema.Literal("command"),
  command: CommandLine,
  instances: Schema.Int.check(
    Schema.isBetween(
      { minimum: 1, maximum: workersMax },
      { message: `must be a whole number from 1 to ${workersMax}` },
    ),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  /** Left out: the root folder, or the home of `user`. */
  cwd: Schema.optionalKey(AbsolutePath),
  user: UserName,
  /** Empty: the first group of `user`. */
  group: UserName,
  /** Octal; left out: the agent's. */
  umask: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^0?[0-7]{3}$/, { message: "must be three octal digits, such as 022" })),
  ),
  nice: Schema.Int.check(
    Schema.isBetween({ minimum: -20, maximum: 19 }, { message: "must be a whole number from -20 to 19" }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  /** Soft and hard limit are both set. */
  rlimits: Schema.Struct(
    Object.fromEntries(rlimitNames.map((name) => [name, Schema.optionalKey(RlimitValue)])) as {
      readonly [Name in (typeof rlimitNames)[number]]: Schema.optionalKey<typeof RlimitValue>
    },
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  stopSignal: StopSignal.pipe(Schema.withDecodingDefaultKey(Effect.succeed("TERM" as const))),
  /** Sent for a reload, when the program reloads itself; left out: its instances are started anew, one after the other. */
  reloadSignal: Schema.optionalKey(StopSignal),
  /** It is RUNNING when it has been up for so long. */
  startMs: Schema.Int.check(
    Schema.isBetween({ minimum: 0, maximum: 3_600_000 }, { message: "must be 0 to 3600000 milliseconds" }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000))),
  /** How long a reload waits for a new instance to be ready. */
  startTimeoutMs: Schema.Int.check(
    Schema.isBetween({ minimum: 100, maximum: 3_600_000 }, { message: "must be 100 to 3600000 milliseconds" }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(30_000))),
  /** An instance whose processes have more memory than this together is started anew; 0: unlimited. */
  maxRssBytes: Schema.Int.check(
    Schema.isBetween({ minimum: 0, maximum: 2 ** 40 }, { message: `must be 0 to ${2 ** 40} bytes` }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  /** The agent listens on the endpoint and passes the socket: descriptor 3, LISTEN_FDS=1. */
  passSocket: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  /** Addresses of nodes that run it although the service has no endpoint there: programs that listen nowhere. */
  nodes: Schema.Array(Address).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
})
export type CommandSpec = typeof CommandSpec.Type

/** How a service's processes are run on its nodes. */
export const ProcessSpec = Schema.Union([ModuleSpec, CommandSpec])
export type ProcessSpec = typeof ProcessSpec.Type

/** The same without the service's name: it comes from the service, so that renaming it can't leave a spec behind. */
export const NamelessSpec = Schema.Union([
  ModuleSpec.mapFields(Struct.omit(["service"])),
  CommandSpec.mapFields(Struct.omit(["service"])),
])
export type NamelessSpec = typeof NamelessSpec.Type

/** What a spec says of these when it says nothing. */
export const specDefaults = {
  env: {},
  desired: "running",
  drainTimeoutMs: 30_000,
  startOrder: 500,
  dependsOn: [],
  restart: "always",
  successCodes: [0],
  run: defaultRunSettings,
} as const

/** How many processes of a spec take calls, or are its instances; 0: one for each CPU. */
export const countOf = (spec: ProcessSpec): number => (spec.kind === "module" ? spec.workers : spec.instances)

/** How its workers answer calls; a command has none, and what is asked of its settings is the default. */
export const rpcOf = (spec: ProcessSpec): RpcSettings => (spec.kind === "module" ? spec.rpc : defaultRpcSettings)

/** The settings by which its processes are looked after while they run: of a command that is its memory alone. */
export const recyclingOf = (spec: ProcessSpec): RpcSettings =>
  spec.kind === "module" ? spec.rpc : { ...defaultRpcSettings, maxRssBytes: spec.maxRssBytes }

/** How long a new process may take to be ready. */
export const startTimeoutOf = (spec: ProcessSpec): number =>
  spec.kind === "module" ? spec.rpc.startTimeoutMs : spec.startTimeoutMs

/** It is also the name of a log file, so it must not lead out of a folder. */
const AssignmentName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z][A-Za-z0-9_.-]{0,62}(?:@\d{1,5})?$/, { message: "must be SERVICE@PORT or SERVICE" }),
)

/** One process set on one node: a spec, and where it listens. `name` is unique on the node. */
export const ProcessAssignment = Schema.Struct({
  /** Stays when the service is renamed, so that its processes stay too; left out: `name`. */
  id: Schema.optionalKey(Schema.String),
  name: AssignmentName,
  spec: ProcessSpec,
  specRevision: Revision,
  /** null: it listens nowhere. */
  listen: Schema.NullOr(Schema.Struct({ ip: Address, port: Port })),
})
export type ProcessAssignment = typeof ProcessAssignment.Type

/** What a process set is known by, whatever it is called. */
export const setIdOf = ({ id, name }: ProcessAssignment): string => id ?? name

/** The agent listens for it, and passes the socket on. */
export const takesSocket = ({ listen, spec }: ProcessAssignment): boolean =>
  spec.kind === "module" || (spec.passSocket && listen !== null)

/** Two of its instances can't be there at once: each would listen on the same port by itself. */
export const isExclusive = (assignment: ProcessAssignment): boolean =>
  assignment.listen !== null && !takesSocket(assignment)

/** All that one node has to run. `revision` grows with each change of the set. */
export const ProcessSet = Schema.Struct({
  revision: Revision,
  processes: Schema.Array(ProcessAssignment),
})
export type ProcessSet = typeof ProcessSet.Type
