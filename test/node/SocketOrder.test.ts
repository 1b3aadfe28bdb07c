import { expect, test } from "bun:test"
import { Effect, Layer } from "effect"
import { orderOf } from "../../src/node/running/Adopting.ts"
import { makeSocketGroup } from "../../src/node/supervisor/SocketGroup.ts"
import { SlotSockets } from "../../src/node/supervisor/SlotSockets.ts"

const there = (...slots: ReadonlyArray<number>) => new Map(slots.map((slot) => [slot, 100 + slot]))

test.each([
  ["all of them are there", [2, 0, 1], there(0, 1, 2), [2, 0, 1]],
  ["one closed: the last moved into its place", [2, 0, 1, 3], there(0, 1, 3), [3, 0, 1]],
  ["the last one closed", [2, 0, 1], there(0, 2), [2, 0]],
  ["there is only one", undefined, there(4), [4]],
  ["two closed, and nobody knows which first", [2, 0, 1, 3], there(0, 1), undefined],
  ["it was never written down", undefined, there(0, 1), undefined],
  ["one is there that was not", [0, 1], there(0, 1, 2), undefined],
])("the order of sockets is not guessed: %s", (_, before, found, order) => {
  expect(orderOf(before, found)).toEqual(order)
})

const record = () => {
  const said: Array<string> = []
  const layer = Layer.succeed(
    SlotSockets,
    SlotSockets.of({
      assertFree: () => Effect.sync(() => void said.push("free?")),
      open: () => Effect.sync(() => said.push("open")),
      setBacklog: () => Effect.void,
      close: (fd) => Effect.sync(() => void said.push(`close ${fd}`)),
      take: () => Effect.succeed(undefined),
      isAt: () => Effect.succeed(true),
      steer: (_, places) => Effect.sync(() => void said.push(`steer ${places?.join() ?? "all"}`)),
    }),
  )
  return { said, layer }
}

test("sockets whose order is not known are not steered, and a port that our own processes have is not asked for", async () => {
  const { layer, said } = record()
  const members = [0, 1].map((slot) => ({ slot, fd: 100 + slot }))
  const changes: Array<string> = []
  await Effect.runPromise(
    Effect.gen(function* () {
      const changed = (now: ReadonlyArray<{ slot: number }>) =>
        Effect.sync(() => void changes.push(now.map(({ slot }) => slot).join()))
      const adopted = { members, isOrderKnown: false, isShared: false }
      const group = yield* makeSocketGroup({ ip: "127.0.0.1", port: 1 }, () => 1, adopted, changed)
      yield* group.serve(new Set([0]))
      yield* group.close(1, new Set([0]))
      const shared = { members: [], isOrderKnown: false, isShared: true }
      const other = yield* makeSocketGroup({ ip: "127.0.0.1", port: 1 }, () => 1, shared)
      yield* other.open(0)
    }).pipe(Effect.provide(layer)),
  )
  expect(said).toEqual(["steer all", "steer all", "close 101", "steer all", "open"])
  expect(changes).toEqual(["0"])
})
