import { expect, test } from "bun:test"
import { Effect, Layer } from "effect"
import { makeSocketGroup, placesDuringClose, without } from "../../src/node/supervisor/SocketGroup.ts"
import { SlotSockets } from "../../src/node/supervisor/SlotSockets.ts"

test("the kernel moves the last socket into the hole", () => {
  expect(without(["a", "b", "c", "d"], 1)).toEqual(["a", "d", "c"])
  expect(without(["a", "b", "c"], 2)).toEqual(["a", "b"])
  expect(without(["a"], 0)).toEqual([])
})

test("while a socket closes, only places are named that mean the same before and after", () => {
  const serving = new Set([0, 2, 3])
  expect(placesDuringClose([0, 1, 2, 3], 1, serving)).toEqual([0, 2])
  expect(placesDuringClose([0, 1, 2, 3], 3, new Set([0, 1]))).toEqual([0, 1])
})

/** The kernel's side: which slots a new connection can reach after each step. */
const kernel = () => {
  const order: Array<number> = []
  const reached: Array<string> = []
  let program: ReadonlyArray<number> | undefined
  let nextFd = 100
  const note = () => {
    const fds = program === undefined ? order : program.map((place) => order[place])
    reached.push(fds.toSorted((a, b) => Number(a) - Number(b)).join())
  }
  const layer = Layer.succeed(
    SlotSockets,
    SlotSockets.of({
      assertFree: () => Effect.void,
      open: () =>
        Effect.sync(() => {
          order.push(nextFd)
          return nextFd++
        }),
      setBacklog: () => Effect.void,
      take: () => Effect.succeed(undefined),
      isAt: () => Effect.succeed(true),
      close: (fd) =>
        Effect.sync(() => {
          order.splice(0, order.length, ...without(order, order.indexOf(fd)))
          note()
        }),
      steer: (_fd, places) =>
        Effect.sync(() => {
          program = places
          note()
        }),
    }),
  )
  return { layer, reached }
}

test("no step of taking a socket away sends a connection to a slot that does not serve", async () => {
  const { layer, reached } = kernel()
  await Effect.runPromise(
    Effect.gen(function* () {
      const group = yield* makeSocketGroup({ ip: "127.0.0.1", port: 1 }, () => 1_024)
      for (const slot of [0, 1, 2, 3]) yield* group.open(slot)
      yield* group.serve(new Set([0, 2, 3]))
      yield* group.close(1, new Set([0, 2, 3]))
      yield* group.serve(new Set([0, 3]))
      yield* group.close(0, new Set([3]))
    }).pipe(Effect.provide(layer)),
  )
  expect(reached).toEqual(["100,102,103", "100,102", "100,102", "100,102,103", "100,103", "103", "103", "103"])
})
