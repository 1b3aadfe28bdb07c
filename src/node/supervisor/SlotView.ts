import { Effect } from "effect"
import type { ProcessState } from "../../domain/ProcessState.ts"
import type { Slot } from "./SlotOptions.ts"
import type { Outcome } from "./SlotOrders.ts"
import type { WorkerRun } from "./WorkerRun.ts"

/** What there is in a slot. */
export type SlotNow = {
  state: ProcessState
  current: WorkerRun | undefined
  successor: { readonly run: WorkerRun; readonly outcome: Outcome } | undefined
  /** Processes that drain, having been replaced. */
  readonly leaving: Set<WorkerRun>
  generation: number
  restarts: number
  failed: Slot["failed"]
  reason: string | null
  /** Milliseconds since 1970. */
  since: number
  /** What the last process that ended has left behind. */
  left: string | null
  /** Its processes were ended at once, and so is one that is just being started. */
  isDoomed: boolean
}

type Named = { readonly index: number; readonly name: string }
type Seen = Pick<
  Slot,
  | "index"
  | "name"
  | "state"
  | "generation"
  | "running"
  | "live"
  | "isReady"
  | "isCompleted"
  | "isResting"
  | "failed"
  | "isVacant"
  | "leaving"
  | "kill"
  | "status"
>

const liveOf = ({ current, leaving, successor }: SlotNow) =>
  [current, successor?.run, ...leaving].filter((run) => run !== undefined)

/** What others see of a slot, and its emergency exit. */
export const viewOfSlot = ({ index, name }: Named, now: SlotNow): Seen => ({
  index,
  name,
  get state() {
    return now.state._tag
  },
  get generation() {
    return now.generation
  },
  get running() {
    return now.state._tag === "RUNNING" ? now.current : undefined
  },
  get live() {
    return liveOf(now)
  },
  get isReady() {
    return now.state._tag === "RUNNING" && now.state.ready
  },
  get isCompleted() {
    return now.state._tag === "EXITED" && now.state.good
  },
  get isResting() {
    const { state } = now
    const rests = state._tag === "BACKOFF" ? state.past.ends > 1 : state._tag === "FATAL" || state._tag === "EXITED"
    return rests && now.successor === undefined
  },
  get failed() {
    return now.failed
  },
  get isVacant() {
    return now.state._tag === "STOPPED" && now.successor === undefined && now.leaving.size === 0
  },
  get leaving() {
    return now.current?.leaving === undefined ? [...now.leaving] : [now.current, ...now.leaving]
  },
  kill: Effect.suspend(() => {
    now.isDoomed = true
    return Effect.forEach(liveOf(now), ({ worker }) => worker.kill, { discard: true })
  }),
  get status() {
    const { reason, restarts, since, state } = now
    return {
      slot: index,
      pid: "pid" in state ? state.pid : null,
      state: state._tag,
      restarts,
      reason,
      since,
      ready: state._tag === "RUNNING" && state.ready,
      adopted: "adopted" in state && state.adopted,
    }
  },
})
