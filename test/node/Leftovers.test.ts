import { expect, setDefaultTimeout, test } from "bun:test"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Departure } from "../../src/node/Departure.ts"
import { leftovers } from "../../src/node/running/Leftovers.ts"
import { Supervisor } from "../../src/node/supervisor/Supervisor.ts"
import { WorkerRegistry } from "../../src/node/supervisor/WorkerRegistry.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import { waitFor } from "../support/waitFor.ts"
import { LeftWorld } from "./LeftWorld.ts"
import { workers } from "./SetSimulation.ts"

// All processes of a busy machine are looked at.
setDefaultTimeout(120_000)

/** An agent that was not told yet what its node runs. */
const begin = Effect.fnUntraced(function* (world: LeftWorld, departure = new Departure()) {
  const scope = yield* Scope.make()
  const told = yield* Deferred.make<void>()
  const layer = leftovers.pipe(
    Layer.provide(Layer.mock(Supervisor, { told: Deferred.await(told), find: () => undefined })),
    Layer.provideMerge(world.environment(departure)),
  )
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
  const { settled } = Context.get(context, WorkerRegistry)
  return {
    tell: Effect.andThen(Deferred.succeed(told, undefined), TestClock.adjust(0)),
    isSettled: Effect.map(Effect.timeoutOption(settled, 0), ({ _tag }) => _tag === "Some"),
    end: Scope.close(scope, Exit.void),
  }
})

const recordsIn = (world: LeftWorld) => {
  const folder = world.folder.socket.folder
  return readdirSync(folder)
    .filter((name) => name.endsWith(".run"))
    .map((name) => join(folder, name))
}
const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>

const it = (name: string, use: (world: LeftWorld) => Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, async () => {
    using world = new LeftWorld()
    const turned = Effect.provide(Effect.scoped(use(world)), Layer.merge(TestClock.layer(), Logger.layer([])))
    await Effect.runPromise(turned)
  })

it("what nobody wants is ended before it was said what runs here, or is not ended then", (world) =>
  Effect.gen(function* () {
    const pid = yield* world.leave()
    const set = "another"
    const departure = new Departure({ lock: 3, sockets: [{ set, slot: 0, fd: 20 }] })
    const { end, tell } = yield* begin(world, departure)
    yield* TestClock.adjust("1 hour")
    expect([world.asked, world.closed]).toEqual([[], []])
    yield* tell
    expect([world.asked, world.closed]).toEqual([[pid], [20]])
    const [path = ""] = recordsIn(world)
    expect(read(path)["isLeaving"]).toBe(true)
    departure.how = "leave"
    yield* end
  }))

it("a worker of no set is not known to be one, so nobody's word counts until all are known", (world) =>
  Effect.gen(function* () {
    const departure = new Departure()
    const { end, isSettled, tell } = yield* begin(world, departure)
    const before = yield* Effect.forkChild(isSettled)
    yield* TestClock.adjust(0)
    expect(yield* Fiber.join(before)).toBe(false)
    yield* tell
    const after = yield* Effect.forkChild(isSettled)
    yield* TestClock.adjust(0)
    expect(yield* Fiber.join(after)).toBe(true)
    departure.how = "leave"
    yield* end
  }))

it("what drained already has its whole time again, or is never killed", (world) =>
  Effect.gen(function* () {
    const spec = { ...workers().spec, drainTimeoutMs: 60_000 }
    const assignment = { ...workers(), spec }
    const [late, early] = [
      yield* world.leave({ assignment }),
      yield* world.leave({ assignment, slot: 1, leavingMs: 1_000 }),
    ]
    const departure = new Departure()
    const { end, tell } = yield* begin(world, departure)
    yield* tell
    yield* TestClock.adjust("3100 millis")
    expect(world.killed).toEqual([early])
    yield* TestClock.adjust("58 seconds")
    expect(world.killed).toEqual([early])
    yield* TestClock.adjust("1 second")
    expect(world.killed).toEqual([early, late])
    departure.how = "leave"
    yield* end
  }))

it("what was started from something unreadable stays", (world) =>
  Effect.gen(function* () {
    const pid = yield* world.leave()
    const [path = ""] = recordsIn(world)
    writeFileSync(path, JSON.stringify({ ...read(path), assignment: { later: true } }))
    const departure = new Departure()
    const { end, tell } = yield* begin(world, departure)
    yield* tell
    yield* Effect.promise(() => waitFor(() => identityOf(pid) === undefined))
    expect(world.asked).toEqual([])
    departure.how = "leave"
    yield* end
  }))

it("an agent that stops leaves behind what it was never told to run, or waits for it for ever", (world) =>
  Effect.gen(function* () {
    const pid = yield* world.leave({
      assignment: { ...workers(), spec: { ...workers().spec, drainTimeoutMs: 60_000 } },
    })
    const { end } = yield* begin(world)
    const ending = yield* Effect.forkChild(end)
    yield* TestClock.adjust("9 seconds")
    expect([world.asked, world.killed, ending.pollUnsafe()]).toEqual([[pid], [], undefined])
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(ending)
    expect(world.killed).toEqual([pid])
  }))

it("an agent that leaves ends what it was never told to run", (world) =>
  Effect.gen(function* () {
    yield* world.leave()
    const departure = new Departure()
    departure.how = "leave"
    yield* (yield* begin(world, departure)).end
    expect([world.asked, world.killed]).toEqual([[], []])
  }))
