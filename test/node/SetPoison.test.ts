import { expect, test } from "bun:test"
import { Deferred, Effect, Fiber, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { emptyPoison, type PoisonBook, suspectsMax } from "../../src/domain/Poison.ts"
import { bookOf, entriesOf } from "../../src/node/running/PoisonRecord.ts"
import { type Adopted, Adoption, nothingAdopted } from "../../src/node/supervisor/Hooks.ts"
import type { Ended, Launched } from "../../src/node/supervisor/Launched.ts"
import { makeSimulation, workers } from "./SetSimulation.ts"

const silent = Layer.mergeAll(TestClock.layer(), Logger.layer([]))
const it = (name: string, effect: Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(silent))))

const book: PoisonBook = {
  suspects: new Map([["s", { method: "parse", crashes: 1, at: 0 }]]),
  poison: new Map([["p", { method: "parse", crashes: 2, until: 60_000 }]]),
}

/** One that ends when it is asked to. */
const launched = (): Launched => {
  const exited = Deferred.makeUnsafe<Ended>()
  const end = Deferred.succeed(exited, { code: 0, signal: null, reason: "exited with code 0" })
  return {
    pid: 1,
    ready: Effect.void,
    exited: Deferred.await(exited),
    terminate: end,
    retire: end,
    kill: end,
    report: () => undefined,
    heard: () => undefined,
    inFlight: () => [],
  }
}

/** A set to which an agent before this one has left something; `told`: what the next agent is to know of its book. */
const after = Effect.fnUntraced(function* (left: Partial<Adopted>) {
  const world = yield* makeSimulation(() => 0.5, false)
  world.calmDown()
  const told: Array<{ readonly generation: number; readonly hashes: ReadonlyArray<string> }> = []
  const set = yield* world.make(workers({ workers: 1 })).pipe(
    Effect.provideService(Adoption, {
      ...Adoption.defaultValue(),
      adopt: () => Effect.succeed({ ...nothingAdopted, ...left }),
      poison: (_, generation, { poison, suspects }) =>
        Effect.sync(() => void told.push({ generation, hashes: [...suspects.keys(), ...poison.keys()] })),
    }),
  )
  yield* TestClock.adjust("10 seconds")
  return { set, told, refused: () => set.ledger.view(10_000).poison.map(({ hash }) => hash) }
})

const run = (generation: number) =>
  ({
    kind: "calls",
    slot: 0,
    launched: launched(),
    assignment: workers({ workers: 1 }),
    startedAt: 0,
    up: true,
    leaving: false,
    restarts: 0,
    generation,
  }) as const

it(
  "what has ended workers of the same version is refused as before, and what becomes of that is told again",
  Effect.gen(function* () {
    const poison = { generation: 2, assignment: workers({ workers: 4 }), book }
    const { refused, set, told } = yield* after({ poison, runs: [run(2)] })
    expect(refused()).toEqual(["p"])
    expect(set.ledger.orders(10_000).suspects).toEqual(["s"])
    expect(told).toEqual([])
    set.ledger.crashed([{ hash: "s", method: "parse" }], 10_000)
    expect(refused()).toEqual(["p", "s"])
    expect(told).toEqual([{ generation: 2, hashes: ["p", "s"] }])
    const stop = yield* Effect.forkChild(set.stop)
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(stop)
    expect(told.at(-1)).toEqual({ generation: 2, hashes: [] })
  }),
)

it(
  "what has ended workers of a version before is let in: of another spec, or when the module was being reloaded",
  Effect.gen(function* () {
    const other = { generation: 2, assignment: workers({ env: { V: "2" } }), book }
    expect((yield* after({ poison: other })).refused()).toEqual([])
    const before = { generation: 1, assignment: workers({ workers: 1 }), book }
    expect((yield* after({ poison: before, runs: [run(2)] })).refused()).toEqual([])
    // No worker of its version is left, as all were just ended.
    expect((yield* after({ poison: { ...before, generation: 7 } })).refused()).toEqual(["p"])
  }),
)

test("a book is the same by the clock of the next agent, and only the newest of many suspects are kept", () => {
  const record = { bootId: "b", set: "s", generation: 1, assignment: {} }
  const at = (zeroMs: number) => bookOf({ ...record, ...entriesOf(book, 5_000) }, zeroMs)
  expect(at(5_000)).toEqual(book)
  expect(at(65_000).poison.get("p")).toEqual({ method: "parse", crashes: 2, until: 0 })
  const suspects = new Map(Array.from({ length: suspectsMax }, (_, at) => [`${at}`, { method: "m", crashes: 1, at }]))
  const kept = entriesOf({ ...emptyPoison, suspects }, 0)
  expect(kept.suspects).toHaveLength(1_000)
  expect(kept.suspects.at(-1)).toMatchObject({ at: suspectsMax - 1 })
})
