import { expect, test } from "bun:test"
import { Effect, Layer, Logger } from "effect"
import { Changes } from "../../../src/manager/fleet/Changes.ts"
import { Deliveries } from "../../../src/manager/fleet/Deliveries.ts"
import { DeliveriesRepo, type Outcome } from "../../../src/manager/store/DeliveriesRepo.ts"

const ack = (clientId: string) => ({ clientId, serviceId: "s", nodeId: "n", revision: 1, tookMs: 2 })

/** A store that is away for its first `failures` calls. */
const storeThatFails = (failures: number) => {
  const stored: Array<Outcome> = []
  let calls = 0
  const record = (outcomes: ReadonlyArray<Outcome>) =>
    Effect.sync(() => {
      if (calls++ < failures) throw new Error("the database is away")
      stored.push(...outcomes)
    })
  const layer = Layer.succeed(DeliveriesRepo, { record } as unknown as DeliveriesRepo["Service"])
  return { stored, layer: Deliveries.layer.pipe(Layer.provide(layer), Layer.provide(Changes.layer)) }
}

const quiet = Logger.layer([])

test("acks that come while the database is away are stored when it is back, in order", async () => {
  const { layer, stored } = storeThatFails(1)
  const program = Effect.gen(function* () {
    const deliveries = yield* Deliveries
    yield* deliveries.acked(ack("a"))
    yield* Effect.sleep(100)
    yield* deliveries.acked(ack("b"))
    yield* deliveries.flushed
  })
  await Effect.runPromise(program.pipe(Effect.provide(layer), Effect.provide(quiet)))
  expect(stored.map((one) => one.clientId)).toEqual(["a", "b"])
})

test("an ack that comes just before the end is stored", async () => {
  const { layer, stored } = storeThatFails(0)
  const program = Effect.flatMap(Deliveries, (deliveries) =>
    Effect.andThen(deliveries.acked(ack("a")), Effect.sleep(3)),
  )
  await Effect.runPromise(program.pipe(Effect.provide(layer), Effect.provide(quiet)))
  expect(stored.map((one) => one.clientId)).toEqual(["a"])
})
