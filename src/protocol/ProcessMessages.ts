import { Schema } from "effect"

const WorkerKind = Schema.Literals(["calls", "tasks"])

/** One instance of a process set, or all: `slot` and `kind` together name one. */
export const InstanceRequest = Schema.Struct({
  name: Schema.String,
  slot: Schema.optionalKey(Schema.Int),
  kind: Schema.optionalKey(WorkerKind),
})
export type InstanceRequest = typeof InstanceRequest.Type

/** What a restart came to: every process was ended, and one in its place has come up, or has not. */
export const RestartVerdict = Schema.Struct({
  outcome: Schema.Literals(["done", "failed"]),
  restarted: Schema.Int,
  total: Schema.Int,
  reason: Schema.NullOr(Schema.String),
  tookMs: Schema.Finite,
})
export type RestartVerdict = typeof RestartVerdict.Type

const OpenCall = Schema.Struct({ method: Schema.String, ageMs: Schema.Finite, remote: Schema.String })

/** One process of an instance. `state`: the kernel's letter. */
const TreeProcess = Schema.Struct({
  pid: Schema.Int,
  state: Schema.String,
  command: Schema.String,
  rssBytes: Schema.Finite,
})

/** A look at the processes of a set: what they use, and what those that end still wait for. */
export const ProcessInspection = Schema.Struct({
  name: Schema.String,
  /** Milliseconds since 1970. */
  at: Schema.Finite,
  instances: Schema.Array(
    Schema.Struct({
      kind: WorkerKind,
      slot: Schema.Int,
      pid: Schema.NullOr(Schema.Int),
      /** Of all its processes together; null: none runs, or nothing was measured yet. CPU in percent of one CPU. */
      usage: Schema.NullOr(
        Schema.Struct({ rssBytes: Schema.Finite, cpuPercent: Schema.Finite, processes: Schema.Int }),
      ),
      tree: Schema.Array(TreeProcess),
      /** It, or one that it has replaced, was asked to end. */
      leaving: Schema.Array(
        Schema.Struct({
          pid: Schema.Int,
          elapsedMs: Schema.Finite,
          /** When it is killed, from now. */
          killInMs: Schema.Finite,
          processes: Schema.Array(TreeProcess),
          openCalls: Schema.Array(OpenCall),
          openCallCount: Schema.Int,
        }),
      ),
    }),
  ),
  /** Who holds the port although nothing of this set runs: `pid 4711 (nginx)`. */
  portHolder: Schema.NullOr(Schema.String),
})
export type ProcessInspection = typeof ProcessInspection.Type

export const CrashesRequest = Schema.Struct({ name: Schema.String })
export const CrashRequest = Schema.Struct({ id: Schema.String })

const crashSummary = {
  id: Schema.String,
  /** The process set. */
  name: Schema.String,
  kind: WorkerKind,
  slot: Schema.Int,
  pid: Schema.Int,
  /** Milliseconds since 1970. */
  at: Schema.Finite,
  ranMs: Schema.Finite,
  /** Both null: not known, as of a process that the agent adopted. */
  code: Schema.NullOr(Schema.Int),
  signal: Schema.NullOr(Schema.String),
  outOfMemory: Schema.Boolean,
  reason: Schema.String,
  specRevision: Schema.Int,
  /** The last revision with which one ran for a minute or ended well; null: none did. */
  lastGoodRevision: Schema.NullOr(Schema.Int),
}

export const CrashSummary = Schema.Struct(crashSummary)
export type CrashSummary = typeof CrashSummary.Type

/** The newest first; the last 20 of each process set are kept. */
export const Crashes = Schema.Struct({ crashes: Schema.Array(CrashSummary) })
export type Crashes = typeof Crashes.Type

export const CrashReport = Schema.Struct({
  ...crashSummary,
  /** The last 200 lines, the oldest first. */
  log: Schema.Array(Schema.Struct({ at: Schema.Finite, stream: Schema.Literals(["out", "err"]), text: Schema.String })),
  /** Of the last minute, the oldest first; `loopLagMs` null: it has no event loop that we know of. */
  samples: Schema.Array(
    Schema.Struct({
      at: Schema.Finite,
      rssBytes: Schema.Finite,
      cpuPercent: Schema.Finite,
      loopLagMs: Schema.NullOr(Schema.Finite),
    }),
  ),
  openCalls: Schema.Array(OpenCall),
  openCallCount: Schema.Int,
})
export type CrashReport = typeof CrashReport.Type
