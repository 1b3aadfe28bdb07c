import { Context, Effect, Layer, PubSub, Stream } from "effect"

/** Something that a page of this topic shows has changed. */
export type Topic = "services" | "nodes" | `service:${string}`

/** The fleet's news, for pages that are open. Live only: who falls behind loses the oldest, and nobody waits. */
export class Changes extends Context.Service<
  Changes,
  {
    readonly publish: (topic: Topic) => Effect.Effect<void>
    readonly stream: Stream.Stream<Topic>
  }
>()("muster/manager/fleet/Changes") {
  static readonly layer = Layer.effect(
    Changes,
    Effect.gen(function* () {
      const bus = yield* Effect.acquireRelease(PubSub.sliding<Topic>(1_024), PubSub.shutdown)
      return Changes.of({
        publish: (topic) => Effect.asVoid(PubSub.publish(bus, topic)),
        stream: Stream.fromPubSub(bus),
      })
    }),
  )
}
