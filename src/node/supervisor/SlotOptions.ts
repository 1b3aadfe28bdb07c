import type { Effect } from "effect"
import type { ProcessPolicy, ProcessState } from "../../domain/ProcessState.ts"
import type { WorkerStatus } from "../../protocol/NodeManager.ts"
import type { Crash, EndedSlot, FailingSlot, Instance, ProbeAnswers } from "./Hooks.ts"
import type { Recipe, WorkerRun } from "./WorkerRun.ts"

/** What others do with the processes of a slot. */
export type SlotHooks = {
  /** Whether a process is ready only when `probe` has said so; otherwise it is as soon as it is up. */
  readonly waitsForProbe: () => boolean
  /** Run from when a process is up until it ends. */
  readonly probe: (run: WorkerRun, say: ProbeAnswers) => Effect.Effect<void>
  /** A process has ended badly and unasked, or was killed for being of no use. */
  readonly crashed: (crash: Omit<Crash, keyof Instance>) => Effect.Effect<void>
  /** A process has been up for a minute, or has ended well by itself. */
  readonly wentWell: (run: WorkerRun) => Effect.Effect<void>
  /** A process was asked to end, and may take so long to do so. */
  readonly left: (run: WorkerRun, withinMs: number) => Effect.Effect<void>
  /** The process has ended by itself, and stays down. */
  readonly exited: (ended: EndedSlot) => Effect.Effect<void>
  /** It has failed, and the next agent is to know; undefined: that is over. */
  readonly failing: (failing: FailingSlot | undefined) => Effect.Effect<void>
}

/** `up`: it had come up. `restarts`: bad ends in the slot before it. */
export type BeginningRun = { readonly run: WorkerRun; readonly up: boolean; readonly restarts: number }

/** What an agent before this one has left in the slot. */
export type Beginning = {
  readonly current?: BeginningRun
  /** `drainMs`: so long each may still take. */
  readonly leaving: ReadonlyArray<{ readonly run: WorkerRun; readonly drainMs: number | undefined }>
  /** It had ended by itself, and was to stay down. */
  readonly ended?: EndedSlot & { readonly generation: number }
  /** It had failed, when it ended last. */
  readonly failing?: FailingSlot & { readonly generation: number }
}

export type SlotOptions = {
  readonly index: number
  /** Its place in the set: `0`, `tasks/0`. */
  readonly name: string
  /** The set's name, for the log. */
  readonly service: () => string
  /** By which a process is made whenever nobody asks for another. */
  readonly recipe: () => Recipe
  readonly policy: () => ProcessPolicy
  /** How long a process that has to go may take to end. */
  readonly drainTimeoutMs: () => number
  readonly hooks: SlotHooks
  /** Run after each change of the state, and of what it tells of itself. */
  readonly changed: Effect.Effect<void>
  readonly begin?: Beginning | undefined
}

/** What became of a replacement. `Stopped`: the slot was stopped meanwhile, or the replacement was given up. */
export type Replacement =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Failed"; readonly reason: string }
  | { readonly _tag: "Stopped" }

/** One place for a process, and what became of it. `start` and `stop` only ask; the state tells what came of it. */
export interface Slot {
  readonly index: number
  readonly name: string
  readonly state: ProcessState["_tag"]
  /** The generation of its newest process, successors left out. */
  readonly generation: number
  /** The process that is up. */
  readonly running: WorkerRun | undefined
  /** All that are there: also what starts, is to take its place, or ends. */
  readonly live: ReadonlyArray<WorkerRun>
  /** It is up, and callers may be led to it. */
  readonly isReady: boolean
  /** It ended well by itself, and stays down. */
  readonly isCompleted: boolean
  /** It has failed at least twice in a row, and its next try is some time away; or there is none. */
  readonly isResting: boolean
  /** The last process that ended as it should not have, and why; another one may be up by now. */
  readonly failed: { readonly generation: number; readonly reason: string } | undefined
  /** It is stopped, and none of its processes is left. */
  readonly isVacant: boolean
  /** Those that were asked to end, and have not yet. */
  readonly leaving: ReadonlyArray<WorkerRun>
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  /**
   * Starts a process by `recipe` beside the present one, which is asked to drain when the new one is ready, and serves on
   * when it isn't. Returns with what came of it; given up when interrupted.
   */
  readonly replace: (recipe: Recipe) => Effect.Effect<Replacement>
  /**
   * The same for processes that can't be there at once: the present one is stopped, and only then the new one is started
   * by `recipe`. When that one is not ready in time, the next is made as any other is.
   */
  readonly exchange: (recipe: Recipe) => Effect.Effect<Replacement>
  /** Stops what runs and starts it anew, from whatever state. */
  readonly restart: Effect.Effect<Replacement>
  /** Its probes have changed. */
  readonly probeAnew: Effect.Effect<void>
  /** Returns when no former process drains any more. */
  readonly alone: Effect.Effect<void>
  /** Ends its processes at once, with all they have started. */
  readonly kill: Effect.Effect<void>
  readonly status: WorkerStatus
}
