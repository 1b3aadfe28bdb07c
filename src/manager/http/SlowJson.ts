import { type Duration, Effect, Fiber, Stream } from "effect"

/** Proxies and our own server cut connections that are silent for longer. */
const signEvery = "15 seconds"

/**
 * An answer that may take minutes: 200 at once, a space now and then, which JSON ignores, and then the value. What the
 * effect does is finished even when nobody waits for it any more.
 */
export const slowJson = Effect.fnUntraced(function* <A, R>(
  effect: Effect.Effect<A, never, R>,
  every: Duration.Input = signEvery,
) {
  const fiber = yield* Effect.forkDetach(effect)
  const value = Stream.fromEffect(Effect.map(Fiber.join(fiber), (value) => JSON.stringify(value)))
  const signs = Stream.fromEffectRepeat(Effect.as(Effect.sleep(every), " "))
  const body = Stream.merge(value, signs, { haltStrategy: "left" }).pipe(Stream.encodeText, Stream.toReadableStream())
  return new Response(body, { headers: { "content-type": "application/json" } })
})
