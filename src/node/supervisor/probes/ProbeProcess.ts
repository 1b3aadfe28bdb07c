import { Effect } from "effect"
import type { Probe } from "../../../domain/Probe.ts"
import {
  afterAnswer,
  askInMs,
  badReason,
  type ProbeAnswer,
  type ProbeRole,
  unasked,
} from "../../../domain/ProbeState.ts"
import { monotonicMs } from "../../Monotonic.ts"

/** A probe that was changed, added or taken away is heeded after so long at most. */
const lookAgainMs = 1_000

export type ProbeWatch = {
  readonly role: ProbeRole
  /** As the spec is now; undefined: there is none. */
  readonly probe: () => Probe | undefined
  readonly ask: (probe: Probe) => Effect.Effect<ProbeAnswer>
  /** When the process was started, by the monotonic clock. */
  readonly startedAt: number
  /**
   * It has turned good, or bad and why. Said of readiness as soon as it is known and at each change; of liveness each
   * time that it has turned bad: it begins anew then, as whoever is to replace the process may not be able to.
   */
  readonly turned: (reason: string | undefined) => Effect.Effect<void>
}

/** Each change of the process set brings new objects, which mostly say the same. */
const isSame = (a: Probe | undefined, b: Probe | undefined) => a === b || JSON.stringify(a) === JSON.stringify(b)

/** Asks one process by one of its probes, for ever. */
export const probeProcess = Effect.fnUntraced(function* ({ ask, probe: current, role, startedAt, turned }: ProbeWatch) {
  const wait = Effect.fnUntraced(function* (ms: number, probe: Probe | undefined) {
    const until = (yield* monotonicMs) + ms
    for (;;) {
      if (!isSame(current(), probe)) return false
      const leftMs = until - (yield* monotonicMs)
      if (leftMs <= 0) return true
      yield* Effect.sleep(Math.min(leftMs, lookAgainMs))
    }
  })

  const tell = (reason: string | undefined) =>
    role === "readiness" || reason !== undefined ? turned(reason) : Effect.void

  const askOn = Effect.fnUntraced(function* (probe: Probe) {
    let state = unasked(role)
    yield* tell(badReason(role, state))
    while (yield* wait(askInMs(probe, state, (yield* monotonicMs) - startedAt), probe)) {
      const before = badReason(role, state)
      state = afterAnswer(state, yield* ask(probe), probe)
      const reason = badReason(role, state)
      if (reason === before) continue
      yield* tell(reason)
      if (role === "liveness" && !state.isGood) state = { ...unasked(role), last: state.last }
    }
  })

  return yield* Effect.suspend(() => {
    const probe = current()
    if (probe !== undefined) return askOn(probe)
    return Effect.andThen(tell(undefined), wait(Infinity, undefined))
  }).pipe(Effect.forever)
})
