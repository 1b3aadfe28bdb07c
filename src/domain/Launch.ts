import type { CommandSpec, ModuleSpec, ProcessSpec } from "./ProcessSpec.ts"
import type { ProcessPolicy } from "./ProcessState.ts"
import { type RpcSettingName, rpcSettingNames } from "./Setting.ts"

/** What the agent alone obeys: a change of these concerns workers that run already, without a new one. */
const agentsOwn: ReadonlySet<RpcSettingName> = new Set([
  "taskWorkers",
  "maxRequests",
  "maxRequestsJitter",
  "maxRssBytes",
  "maxLifetimeMs",
  "startTimeoutMs",
  "heartbeatTimeoutMs",
  "backlog",
  "idempotencyWindowMs",
  "taskQueueMax",
  "taskTimeoutMs",
  "taskAttemptsMax",
] satisfies ReadonlyArray<RpcSettingName>)

const sorted = (record: Readonly<Record<string, unknown>>) =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))

const moduleFields = ({ module, rpc, tls }: ModuleSpec) => [
  module,
  tls,
  rpcSettingNames.filter((name) => !agentsOwn.has(name)).map((name) => rpc[name]),
  sorted(rpc.methodConcurrency),
  rpc.legacy,
  // A worker asks the agent about keys, or refuses them.
  rpc.idempotencyWindowMs === 0,
]

const commandFields = ({ command, cwd, group, nice, passSocket, rlimits, umask, user }: CommandSpec) => [
  command,
  cwd,
  user,
  group,
  umask,
  nice,
  sorted(rlimits),
  passSocket,
]

const launchFields = (spec: ProcessSpec) =>
  JSON.stringify([
    spec.kind,
    sorted(spec.env),
    spec.envFile,
    spec.kind === "module" ? moduleFields(spec) : commandFields(spec),
  ])

/** Whether workers that were started by `before` have to be replaced to be as `after` says. */
export const needsNewWorkers = (before: ProcessSpec, after: ProcessSpec): boolean =>
  launchFields(before) !== launchFields(after)

/** Whether running processes have to be asked other questions than before. */
export const needsNewProbes = (before: ProcessSpec, after: ProcessSpec): boolean =>
  JSON.stringify([before.readiness, before.liveness]) !== JSON.stringify([after.readiness, after.liveness])

/**
 * When and how often the processes of a spec are started again. A worker that is always to run has no good end of its
 * own: a call of `process.exit()` in a module takes the calls of others with it.
 */
export const policyOf = (spec: ProcessSpec): ProcessPolicy => {
  const { kind, restart, run, successCodes } = spec
  return {
    restart,
    successCodes: kind === "module" && restart === "always" ? [] : successCodes,
    upAtOnce: spec.kind === "command" && spec.startMs === 0,
    startRetries: run.startRetries,
    fatalRetryMs: run.fatalRetryMs,
  }
}
