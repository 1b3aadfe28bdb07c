import { expect, test } from "bun:test"
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { command, makeSimulation, workers } from "./SetSimulation.ts"
import { randomOf } from "../support/random.ts"

type Kind = {
  readonly name: string
  readonly isExclusive: boolean
  readonly of: (count: number, over: object) => ProcessAssignment
}

const kinds: ReadonlyArray<Kind> = [
  { name: "a command", isExclusive: true, of: (instances, over) => command({ instances, ...over }) },
  { name: "a module", isExclusive: false, of: (count, over) => workers({ workers: count, ...over }) },
]
const silent = Layer.mergeAll(TestClock.layer(), Logger.layer([]))
const seeds = 12

/** Lets 150 random wishes and faults come, each a moment after the other; then calls for peace, and then for the end. */
const ordeal = Effect.fnUntraced(function* (kind: Kind, seed: number) {
  const draw = randomOf(seed)
  const world = yield* makeSimulation(draw, kind.isExclusive)
  const set = yield* world.make(kind.of(2, {}))
  const told: Array<string> = []
  let count = 2
  let desired = "running"
  let version = 0
  const assign = () => set.assign(kind.of(count, { desired, env: { V: `${version}` } }))
  const wishes: ReadonlyArray<readonly [string, () => Effect.Effect<unknown>]> = [
    ["scale", () => Effect.suspend(() => ((count = 1 + Math.floor(draw() * 4)), assign()))],
    [
      "stop or start",
      () => Effect.suspend(() => ((desired = desired === "running" ? "stopped" : "running"), assign())),
    ],
    ["new version", () => Effect.suspend(() => ((version += 1), assign()))],
    ["reload", () => set.reload],
    ["restart", () => Effect.asVoid(set.restart({}))],
    ["restart one", () => Effect.asVoid(set.restart({ slot: Math.floor(draw() * count) }))],
    ["crash", () => Effect.sync(world.crashOne)],
    ["crash", () => Effect.sync(world.crashOne)],
  ]
  for (let step = 0; step < 150; step++) {
    const [name, wish] = wishes[Math.floor(draw() * wishes.length)] ?? ["nothing", () => Effect.void]
    told.push(name)
    yield* Effect.forkChild(wish())
    yield* TestClock.adjust(Math.floor(draw() * (draw() < 0.3 ? 20_000 : 1_000)))
    for (const place of new Set(world.alive().map((one) => one.place))) {
      const there = world.alive(place)
      if (there.filter(({ asked }) => !asked).length > 2) world.violations.push(`${place}: more than two to stay`)
      if (kind.isExclusive && there.length > 1) world.violations.push(`${place}: two at once`)
    }
    expect(world.violations, `seed ${seed}, after ${told.slice(-8).join(", ")}`).toEqual([])
  }

  world.calmDown()
  desired = "running"
  count = 3
  yield* assign()
  yield* TestClock.adjust("15 minutes")
  const { workers: statuses } = set.status
  const where = `seed ${seed}, at last ${told.slice(-8).join(", ")}`
  expect(
    statuses.map(({ state }) => state),
    where,
  ).toEqual(["RUNNING", "RUNNING", "RUNNING"])
  expect(
    world
      .alive()
      .map(({ pid }) => pid)
      .toSorted((a, b) => a - b),
    where,
  ).toEqual(statuses.map(({ pid }) => pid ?? 0).toSorted((a, b) => a - b))
  expect(
    world
      .alive()
      .map(({ place }) => place)
      .toSorted(),
    where,
  ).toEqual(["0", "1", "2"])

  const stopped = yield* Effect.forkChild(set.stop)
  yield* TestClock.adjust("1 minute")
  expect(stopped.pollUnsafe() !== undefined, where).toBe(true)
  expect(world.alive(), where).toEqual([])
  expect(world.violations, where).toEqual([])
})

for (const kind of kinds) {
  test(`whatever is wished of ${kind.name} and whatever crashes, no process is lost or there twice`, async () => {
    for (let seed = 1; seed <= seeds; seed++)
      await Effect.runPromise(ordeal(kind, seed).pipe(Effect.scoped, Effect.provide(silent)))
  }, 120_000)
}
