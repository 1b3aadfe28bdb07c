import { Cause, Clock, Context, Effect, Layer, type Scope } from "effect"
import { textOf } from "../protocol/ErrorText.ts"
import { nextSecond } from "./Monotonic.ts"

/** `at`: milliseconds since 1970; `now`: of the monotonic clock. */
export type Moment = { readonly at: number; readonly now: number }

/** Gives what is to be done, if anything is: it does not look again before that is done. */
export type Look = (moment: Moment) => Effect.Effect<void> | undefined

type Looker = {
  readonly what: string
  readonly look: Look
  readonly scope: Scope.Scope
  isBusy: boolean
  /** What was said last of a look that failed, and when by the monotonic clock. */
  said: { readonly text: string; readonly at: number } | undefined
}

/** The same is said once in so long. */
const saidAgainMs = 60_000

/**
 * The looks that are taken at each whole second of the host's clock, one after the other in plain code: while nothing
 * happens an agent does little else, and a fiber for each of them would be most of it.
 */
export class EachSecond extends Context.Service<
  EachSecond,
  {
    /** Until the end of its scope. `what`: for the log, when a look fails; the next one comes all the same. */
    readonly look: (what: string, look: Look) => Effect.Effect<void, never, Scope.Scope>
  }
>()("muster/node/EachSecond") {
  static readonly layer = Layer.effect(
    EachSecond,
    Effect.gen(function* () {
      const lookers = new Set<Looker>()
      const clock = yield* Clock.Clock

      const turn = Effect.suspend(() => {
        const moment = { at: clock.currentTimeMillisUnsafe(), now: Number(clock.monotonicTimeNanosUnsafe()) / 1e6 }
        const begun: Array<Effect.Effect<unknown>> = []
        for (const looker of lookers) {
          if (looker.isBusy) continue
          try {
            const work = looker.look(moment)
            if (work !== undefined) begun.push(begin(looker, work, moment))
          } catch (cause) {
            begun.push(failed(looker, cause, moment))
          }
        }
        return begun.length === 0 ? Effect.void : Effect.all(begun, { discard: true })
      })

      yield* Effect.forkScoped(Effect.forever(Effect.andThen(nextSecond, turn)))

      return EachSecond.of({
        look: Effect.fnUntraced(function* (what, look) {
          const looker: Looker = { what, look, scope: yield* Effect.scope, isBusy: false, said: undefined }
          yield* Effect.acquireRelease(
            Effect.sync(() => lookers.add(looker)),
            () => Effect.sync(() => lookers.delete(looker)),
          )
        }),
      })
    }),
  )
}

const failed = (looker: Looker, cause: unknown, { now }: Moment) => {
  const text = textOf(cause)
  if (looker.said?.text === text && now - looker.said.at < saidAgainMs) return Effect.void
  looker.said = { text, at: now }
  return Effect.logError(`Cannot ${looker.what}`, cause)
}

const begin = (looker: Looker, work: Effect.Effect<void>, moment: Moment) =>
  Effect.suspend(() => {
    looker.isBusy = true
    return work.pipe(
      Effect.catchCause((cause) => failed(looker, Cause.squash(cause), moment)),
      Effect.ensuring(Effect.sync(() => (looker.isBusy = false))),
      Effect.forkIn(looker.scope),
    )
  })
