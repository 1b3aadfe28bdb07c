import { Effect, Schema } from "effect"
import { Address, Port } from "./Endpoint.ts"
import { Revision, TlsMode } from "./EndpointList.ts"
import { RpcSettings } from "./RpcSettings.ts"
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

/** How a service's processes are run on its nodes. `module` is an absolute path on the node. */
export const ProcessSpec = Schema.Struct({
  service: ServiceName,
  kind: Schema.Literals(["module"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("module" as const))),
  module: Schema.String.check(
    Schema.isPattern(/^\/.+\.(?:[cm]?[jt]s|[jt]sx)$/, {
      message: "must be the absolute path of a .ts or .js file on the node",
    }),
  ),
  workers: WorkerCount.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  env: Schema.Record(EnvName, Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  tls: TlsMode.pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))),
  desired: Desired.pipe(Schema.withDecodingDefaultKey(Effect.succeed("running" as const))),
  /** How long open calls may take after a stop was asked for, before the worker is killed. */
  drainTimeoutMs: Schema.Int.check(
    Schema.isBetween({ minimum: 0, maximum: 3_600_000 }, { message: "must be 0 to 3600000 milliseconds" }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(30_000))),
  /** How its workers answer calls. */
  rpc: RpcSettings.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
})
export type ProcessSpec = typeof ProcessSpec.Type

/** It is also the name of a log file, so it must not lead out of a folder. */
const AssignmentName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z][A-Za-z0-9_.-]{0,62}@\d{1,5}$/, { message: "must be SERVICE@PORT" }),
)

/** One process set on one node: a spec, and where it listens. `name` is unique on the node. */
export const ProcessAssignment = Schema.Struct({
  name: AssignmentName,
  spec: ProcessSpec,
  specRevision: Revision,
  listen: Schema.Struct({ ip: Address, port: Port }),
})
export type ProcessAssignment = typeof ProcessAssignment.Type

/** All that one node has to run. `revision` grows with each change of the set. */
export const ProcessSet = Schema.Struct({
  revision: Revision,
  processes: Schema.Array(ProcessAssignment),
})
export type ProcessSet = typeof ProcessSet.Type
