import { Effect } from "effect"
import { cpuMs } from "../platform/Env.ts"
import { anonymousBytes, dropCode, releaseCode } from "../platform/Memory.ts"

/** By then what a role begins with has run. Also the pause after a look at one that was busy. */
const firstLookMs = 10_000
/** Whatever is done next, after so long without it, takes some milliseconds more: its code has to be mapped again. */
const lookEveryMs = 60_000
/** The part of that time in which it is seen how busy the process is, and what share of a core is called busy. */
const watchMs = 2_000
const busyShare = 0.1
/** By so much it may grow before it is made small again, which costs some tenths of a second. */
const growth = 1.3

const isIdle = Effect.gen(function* () {
  const before = cpuMs()
  yield* Effect.sleep(watchMs)
  return cpuMs() - before < busyShare * watchMs
})

/** Where it can't be done, the process is larger, and all else goes on. */
const release = Effect.tryPromise(releaseCode).pipe(
  Effect.catch(({ cause }) => Effect.logDebug("cannot let go of the executable's pages", cause)),
)

/**
 * Keeps a process small that idles for months: code that has run once, at the start or when something was changed, would stay
 * in memory, and garbage would wait for more of it. Never while it has much to do.
 */
export const staySmall = Effect.gen(function* () {
  let small = 0
  let pauseMs = firstLookMs
  for (;;) {
    yield* Effect.sleep(pauseMs - watchMs)
    const mayTakeTime = yield* isIdle
    pauseMs = mayTakeTime ? lookEveryMs : firstLookMs
    if (mayTakeTime && anonymousBytes() > small * growth) {
      dropCode()
      small = anonymousBytes()
    }
    yield* release
  }
})
