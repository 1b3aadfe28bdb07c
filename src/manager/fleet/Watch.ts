import { Clock, Effect, type Scope } from "effect"

/** By a clock that nobody puts forward or back. */
const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

type Watched = { viewers: number; lookedAt: number }

export type WatchOptions = {
  readonly everyMs: number
  /** So long it goes on after the last one has left: who comes back finds what there was. */
  readonly lingerMs: number
  /** One look. A failure is logged, and the next look comes all the same. */
  readonly look: (key: string) => Effect.Effect<void>
  /** Nobody looks any more: what was kept can go. */
  readonly forget: (key: string) => void
}

/** Looks at things again and again while somebody watches them, and at nothing else. */
export const makeWatch = Effect.fnUntraced(function* ({ everyMs, forget, lingerMs, look }: WatchOptions) {
  const scope = yield* Effect.scope
  const watched = new Map<string, Watched>()

  const follow = Effect.fnUntraced(function* (key: string, state: Watched) {
    for (;;) {
      const from = yield* nowMs
      yield* look(key).pipe(Effect.catchCause((cause) => Effect.logError(`Cannot look at ${key}`, cause)))
      const now = yield* nowMs
      if (state.viewers > 0) state.lookedAt = now
      else if (now - state.lookedAt >= lingerMs) break
      yield* Effect.sleep(Math.max(0, from + everyMs - now))
    }
    watched.delete(key)
    forget(key)
  })

  const begin = Effect.fnUntraced(function* (key: string, viewers: 0 | 1) {
    const now = yield* nowMs
    const known = watched.get(key)
    if (known !== undefined) {
      known.viewers += viewers
      known.lookedAt = now
      return known
    }
    const state: Watched = { viewers, lookedAt: now }
    watched.set(key, state)
    yield* Effect.forkIn(follow(key, state), scope)
    return state
  })

  return {
    /** Until the scope ends. */
    watch: (key: string): Effect.Effect<void, never, Scope.Scope> =>
      Effect.asVoid(
        Effect.acquireRelease(begin(key, 1), (state) =>
          Effect.map(nowMs, (now) => {
            state.viewers--
            state.lookedAt = now
          }),
        ),
      ),
    /** Somebody has come by, and may stay. */
    touch: (key: string): Effect.Effect<void> => Effect.asVoid(begin(key, 0)),
    /** For tests, and for the curious. */
    watched: Effect.sync(() => [...watched.keys()]),
  }
})
