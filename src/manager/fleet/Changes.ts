import { Context, Effect, Latch, Layer, PubSub, Stream } from "effect"

/** Something that a page of this topic shows has changed. */
export type Topic =
  | "services"
  | "nodes"
  | `service:${string}`
  | `calls:${string}`
  | `tasks:${string}`
  | `care:${string}`
  | "cron"
  | `cron:${string}`

/** A topic is told at most once in this time: 200 acks within it are one change. */
const quietMs = 25

/** The fleet's news, for pages that are open. Live only: who falls behind loses the oldest, and nobody waits. */
export class Changes extends Context.Service<
  Changes,
  {
    /** Returns at once; topics that are told again within 25 ms are told once. */
    readonly publish: (topic: Topic) => Effect.Effect<void>
    readonly stream: Stream.Stream<Topic>
  }
>()("muster/manager/fleet/Changes") {
  static readonly layer = Layer.effect(
    Changes,
    Effect.gen(function* () {
      const bus = yield* Effect.acquireRelease(PubSub.sliding<Topic>(1_024), PubSub.shutdown)
      const due = new Set<Topic>()
      const some = yield* Latch.make(false)
      yield* Effect.gen(function* () {
        yield* some.await
        yield* Effect.sleep(quietMs)
        const topics = [...due]
        due.clear()
        some.closeUnsafe()
        yield* PubSub.publishAll(bus, topics)
      }).pipe(Effect.forever, Effect.forkScoped)
      return Changes.of({
        publish: (topic) =>
          Effect.sync(() => {
            due.add(topic)
            some.openUnsafe()
          }),
        stream: Stream.fromPubSub(bus),
      })
    }),
  )
}
