import { Clock, Context, Effect, Layer, SubscriptionRef, Stream } from "effect"

/**
 * Counts the changes of anything the node says of itself. It begins at the clock, so that it also grows from one run
 * of the agent to the next.
 */
export class NodeChanges extends Context.Service<
  NodeChanges,
  {
    readonly seq: Effect.Effect<number>
    /** Something that NodeStatus shows has changed. */
    readonly announce: Effect.Effect<void>
    /** Returns when `seq` is above `after`; at once when it is so already. */
    readonly above: (after: number) => Effect.Effect<void>
  }
>()("muster/node/NodeChanges") {
  static readonly layer = Layer.effect(
    NodeChanges,
    Effect.gen(function* () {
      const counter = yield* SubscriptionRef.make(yield* Clock.currentTimeMillis)
      return NodeChanges.of({
        seq: SubscriptionRef.get(counter),
        announce: SubscriptionRef.update(counter, (seq) => seq + 1),
        above: (after) =>
          SubscriptionRef.changes(counter).pipe(
            Stream.filter((seq) => seq > after),
            Stream.take(1),
            Stream.runDrain,
          ),
      })
    }),
  )
}
