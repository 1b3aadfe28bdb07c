import { Data, type Effect } from "effect"
import type { CallInFlight } from "../../domain/Poison.ts"
import type { ProcessAssignment, StopSignal } from "../../domain/ProcessSpec.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import type { Ledger } from "./Ledger.ts"
import type { WorkerFigures } from "./WorkerRegistry.ts"

/** The process could not even be started. */
export class LaunchFailed extends Data.TaggedError("LaunchFailed")<{ readonly reason: string }> {}

/** What is to be started. */
export type LaunchRequest = {
  readonly assignment: ProcessAssignment
  readonly kind: WorkerKind
  readonly slot: number
  /** Processes of its kind in the set. */
  readonly count: number
  /** The slot's listening socket; a task worker has none, nor has a command that was not given it. */
  readonly fd?: number
  /** The folder of the control group that it is to be in before it runs anything of its own. */
  readonly cgroup?: string
  /** Calls to refuse from the start. */
  readonly poison: ReadonlyArray<string>
  /** Of its set. */
  readonly ledger: Ledger
  /** Which version of the spec and of the module it is; later ones are larger. */
  readonly generation: number
  /** Bad ends in its slot before it. */
  readonly restarts: number
}

/** The same with the run that it is. */
export type RunRequest = LaunchRequest & {
  /** `mark`: to be in its environment as MUSTER_RUN. `id`: names files that are its own. */
  readonly run: { readonly id: string; readonly mark: string }
}

/** What is known of one that an agent before this one has started. `wasOver`: it has ended since. */
export type Known = { readonly isUp: boolean; readonly isLeaving: boolean; readonly wasOver: boolean }

/** How a process has ended. */
export type Ended = {
  /** Both null: nobody knows, as of a process that an agent before this one had started. */
  readonly code: number | null
  readonly signal: string | null
  /** For a person: what it said itself, `exited with code 3`, `killed by SIGSEGV`. */
  readonly reason: string
  /** What of it is still there although everything was tried, for a person. */
  readonly left?: string
  /** The kernel has killed it for want of memory: true only when its own group says so. */
  readonly outOfMemory?: boolean
  /** Lines of its log with a later time are of the process in its place. Milliseconds since 1970. */
  readonly saidUntil?: number
}

/** A process of a set that was started: a worker of ours, or an instance of a command. */
export interface Launched {
  readonly pid: number
  /** Returns when it accepts calls, or has been up for long enough; never, when it does not come to that. */
  readonly ready: Effect.Effect<void>
  /** Returns when it has ended. */
  readonly exited: Effect.Effect<Ended>
  /** Asks it to end: a worker drains, a command gets its stop signal. */
  readonly terminate: Effect.Effect<void>
  /** The same, when its successor accepts on the same socket. */
  readonly retire: Effect.Effect<void>
  /** Sends it the signal by which it reloads itself; a worker has none. */
  readonly signal?: (signal: StopSignal) => Effect.Effect<void>
  /** Ends it and all it has started, at once. */
  readonly kill: Effect.Effect<void>
  /** What it has said of itself last; a command says nothing. */
  readonly report: () => WorkerFigures | undefined
  /** How many reports have come; undefined: it sends none. */
  readonly heard: () => number | undefined
  /** After its end: the calls that ran then. */
  readonly inFlight: () => ReadonlyArray<CallInFlight>
}

/** A process's place in its set, for a person: `0`, `tasks/0`. */
export const placeName = (kind: WorkerKind, slot: number) => (kind === "calls" ? `${slot}` : `tasks/${slot}`)
