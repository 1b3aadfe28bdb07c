import { Effect } from "effect"
import type { Probe } from "../../../domain/Probe.ts"
import {
  afterAnswer,
  askInMs,
  badReason,
  type ProbeAnswer,
  type ProbeRole,
  type ProbeState,
} from "../../../domain/ProbeState.ts"
import { monotonicMs } from "../../Monotonic.ts"

export type ProbeWatch = {
  readonly role: ProbeRole
  readonly probe: Probe
  /** How the process is taken to be until it has answered. */
  readonly first: ProbeState
  readonly ask: Effect.Effect<ProbeAnswer>
  /** When the process was started, by the monotonic clock. */
  readonly startedAt: number
  /** Said of readiness alone. */
  readonly good: Effect.Effect<void>
  /**
   * Said of readiness at each change of the reason; of liveness each time that it has turned bad: it begins anew then, as
   * whoever is to end the process may not be able to.
   */
  readonly bad: (reason: string) => Effect.Effect<void>
}

/** Asks one process by one of its probes, for ever. */
export const probeProcess = Effect.fnUntraced(function* (watch: ProbeWatch) {
  const { ask, bad, first, good, probe, role, startedAt } = watch
  let state = first
  /** What was said last; null: that it is good. */
  let said: string | null | undefined

  const say = Effect.suspend(() => {
    const reason = badReason(role, state) ?? null
    if (reason === said) return Effect.void
    said = reason
    if (reason !== null) return bad(reason)
    return role === "readiness" ? good : Effect.void
  })

  return yield* Effect.gen(function* () {
    yield* Effect.sleep(askInMs(probe, state, (yield* monotonicMs) - startedAt))
    state = afterAnswer(state, yield* ask, probe)
    yield* say
    if (role === "liveness" && !state.isGood) {
      state = { isGood: true, row: 0, last: state.last }
      said = undefined
    }
  }).pipe(Effect.forever)
})
