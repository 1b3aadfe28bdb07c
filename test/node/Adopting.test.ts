import { expect, setDefaultTimeout, test } from "bun:test"
import { Effect, Logger, type Scope } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setIdOf } from "../../src/domain/ProcessSpec.ts"
import { Departure } from "../../src/node/Departure.ts"
import { monotonicMs } from "../../src/node/Monotonic.ts"
import { uptimeMs } from "../../src/platform/ProcessAge.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import { waitFor } from "../support/waitFor.ts"
import { LeftWorld } from "./LeftWorld.ts"
import { command, workers } from "./SetSimulation.ts"

// All processes of a busy machine are looked at.
setDefaultTimeout(120_000)

const it = (name: string, use: (world: LeftWorld) => Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, async () => {
    using world = new LeftWorld()
    await Effect.runPromise(Effect.provide(Effect.scoped(use(world)), Logger.layer([])))
  })

it("of several at one place another goes on than the newest that was up", (world) =>
  Effect.gen(function* () {
    const pids: Array<number> = []
    for (const left of [{}, {}, { isUp: false }, { leavingMs: 1_000 }, { slot: 1, isUp: false }]) {
      pids.push(yield* world.leave(left))
      yield* Effect.sleep(50)
    }
    const { runs } = yield* (yield* world.next()).adopt()
    expect(runs.map(({ launched }) => launched.pid)).toEqual(pids)
    expect(runs.map(({ leaving }) => leaving)).toEqual([true, false, true, true, false])
  }))

it("a process goes on in a set that listens elsewhere, or is of another kind", (world) =>
  Effect.gen(function* () {
    for (const [assignment, leaving] of [
      [workers({ env: { CHANGED: "yes" } }), false],
      [{ ...workers(), listen: { ip: "127.0.0.1", port: 2 } }, true],
      [{ ...workers(), listen: { ip: "127.0.0.2", port: 1 } }, true],
      [{ ...command(), id: "m1" }, true],
    ] as const) {
      const pid = yield* world.leave()
      const adopted = yield* (yield* world.next()).adopt(assignment)
      const runs = adopted.runs.filter(({ over }) => over === undefined)
      expect(runs).toMatchObject([{ launched: { pid }, leaving }])
      // What it was started from, not what its set is now.
      expect(runs[0]?.assignment).toEqual(workers())
      world.end(pid)
      yield* Effect.promise(() => waitFor(() => identityOf(pid) === undefined))
    }
  }))

it("one that has ended goes on in place of another that runs, or is asked for its socket and its tasks", (world) =>
  Effect.gen(function* () {
    const ended = yield* world.leave({ cgroup: "/sys/fs/cgroup/x" })
    world.sockets.set(ended, 10)
    const tasks = yield* world.leave({ kind: "tasks", slot: 0, hasSocket: false })
    const stopped = yield* world.leave({ slot: 1, leavingMs: 1_000 })
    for (const pid of [ended, tasks, stopped]) world.end(pid)
    for (const pid of [ended, tasks, stopped]) yield* Effect.promise(() => waitFor(() => identityOf(pid) === undefined))
    const runs = yield* world.leave({ isUp: false })
    world.sockets.set(runs, 11)
    const adopted = yield* (yield* world.next()).adopt()
    expect(adopted.runs).toMatchObject([
      { launched: { pid: ended }, leaving: true, over: { cgroup: "/sys/fs/cgroup/x" } },
      { launched: { pid: runs }, leaving: false },
      { launched: { pid: tasks }, leaving: false, over: { cgroup: undefined } },
    ])
    expect(adopted.runs[1]).not.toHaveProperty("over")
    expect(adopted.sockets.members).toEqual([{ slot: 0, fd: 11 }])
    expect(world.expected).toEqual([])
  }))

it("where a process stands among its own is forgotten, or how long it may take to end", (world) =>
  Effect.gen(function* () {
    yield* world.leave({ generation: 7, restarts: 3, leavingMs: 60_000 })
    const { runs } = yield* (yield* world.next()).adopt()
    expect(runs).toMatchObject([{ generation: 7, restarts: 3, leaving: true, up: true }])
    expect(runs[0]?.drainMs).toBeWithin(30_000, 60_001)
  }))

it("tasks are given out before a task worker has said what it runs", (world) =>
  Effect.gen(function* () {
    const up = yield* world.leave({ kind: "tasks", slot: 0, hasSocket: false })
    yield* world.leave({ kind: "tasks", slot: 1, hasSocket: false, isUp: false })
    yield* world.leave()
    yield* (yield* world.next()).adopt()
    expect(world.expected).toEqual([up])
  }))

it("a socket is taken from a process that leaves while another has it, or out of its order", (world) =>
  Effect.gen(function* () {
    world.sockets.set(yield* world.leave({ leavingMs: 60_000 }), 10)
    world.sockets.set(yield* world.leave(), 11)
    world.sockets.set(yield* world.leave({ slot: 1 }), 12)
    ;(yield* world.runs).keepOrder({ set: setIdOf(workers()), order: [1, 0] })
    const { sockets } = yield* (yield* world.next()).adopt()
    const members = [
      { slot: 1, fd: 12 },
      { slot: 0, fd: 11 },
    ]
    expect(sockets).toEqual({ members, isOrderKnown: true, isShared: false })
  }))

it("nobody is told that the order of sockets, or one of them, is not known", (world) =>
  Effect.gen(function* () {
    world.sockets.set(yield* world.leave(), 10)
    world.sockets.set(yield* world.leave({ slot: 1 }), 11)
    const stuck = yield* world.leave({ slot: 2 })
    const next = yield* world.next()
    const { sockets } = yield* next.adopt()
    expect(sockets).toMatchObject({ isOrderKnown: false, isShared: true })
    expect(yield* next.notices).toMatchObject([
      { code: "socket-not-kept", message: expect.stringContaining(`${stuck}`) },
    ])
    world.end(stuck)
    yield* Effect.repeat(Effect.delay(next.notices, 20), { until: ({ length }) => length === 0 })
  }))

it("a socket is missed that only a process had which leaves", (world) =>
  Effect.gen(function* () {
    yield* world.leave({ leavingMs: 60_000 })
    const next = yield* world.next()
    expect((yield* next.adopt()).sockets).toMatchObject({ members: [], isShared: false })
    expect(yield* next.notices).toEqual([])
  }))

it("sockets that the program before has left open are not taken first, or stay open when they are elsewhere", (world) =>
  Effect.gen(function* () {
    world.sockets.set(yield* world.leave(), 10)
    const set = setIdOf(workers())
    const sockets = [
      { set, slot: 1, fd: 21 },
      { set, slot: 0, fd: 20 },
      { set, slot: 2, fd: 99 },
    ]
    const next = yield* world.next(new Departure({ lock: 3, sockets }))
    const members = [
      { slot: 1, fd: 21 },
      { slot: 0, fd: 20 },
    ]
    expect((yield* next.adopt()).sockets).toEqual({ members, isOrderKnown: true, isShared: false })
    expect(world.closed).toEqual([99])
  }))

it("the next agent does not know what has ended, failed or begun to leave, or what is forgiven", (world) =>
  Effect.gen(function* () {
    const pid = yield* world.leave({ slot: 2 })
    const one = yield* world.next()
    yield* one.adopt()
    const instance = (slot: number) => ({ assignment: workers(), kind: "calls", slot }) as const
    const failing = {
      state: "FATAL",
      past: { failures: 3, ends: 3 },
      until: null,
      reason: "x",
      restarts: 3,
      since: 70,
    } as const
    yield* one.adoption.exited(instance(0), { reason: "exited with code 0", good: true, since: 60 })
    yield* one.adoption.failing(instance(1), failing)
    yield* one.adoption.left(instance(2), pid, 60_000)
    yield* one.adoption.sockets(workers(), [
      { slot: 2, fd: 12 },
      { slot: 1, fd: 11 },
    ])
    const two = yield* world.next()
    expect(yield* two.adopt()).toMatchObject({
      ended: [{ slot: 0, ended: { good: true, since: 60 }, assignment: workers() }],
      failing: [{ slot: 1, failing, assignment: workers() }],
      runs: [{ slot: 2, leaving: true }],
    })
    const kept = readdirSync(world.folder.socket.folder).find((name) => name.endsWith(".sockets")) ?? ""
    expect(readFileSync(join(world.folder.socket.folder, kept), "utf8")).toContain('"order":[2,1]')
    yield* two.adoption.failing(instance(1), undefined)
    expect((yield* (yield* world.next()).adopt()).failing).toEqual([])
  }))

it("an instance that has failed is tried at another time because the agent changes, or without being asked for", (world) =>
  Effect.gen(function* () {
    const one = yield* world.next()
    yield* one.adopt()
    const instance = (slot: number) => ({ assignment: workers(), kind: "calls", slot }) as const
    const until = (yield* monotonicMs) + 60_000
    const past = { failures: 2, ends: 3 }
    const backoff = { state: "BACKOFF", past, until, reason: "exited with code 1", since: 1, restarts: 3 } as const
    yield* one.adoption.failing(instance(0), backoff)
    yield* one.adoption.failing(instance(1), { ...backoff, state: "FATAL", until: null })
    // Another program counts from another time: what is kept counts from the host's start.
    const folder = world.folder.socket.folder
    const kept = readdirSync(folder)
      .filter((name) => name.endsWith(".failure"))
      .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as { slot: number; until: number | null })
    const untilOf = (slot: number) => kept.find((record) => record.slot === slot)?.until
    expect((untilOf(0) ?? 0) - uptimeMs()).toBeWithin(40_000, 60_100)
    expect(untilOf(1)).toBeNull()
    const { failing } = yield* (yield* world.next()).adopt()
    const nextUntil = (slot: number) => failing.find((one) => one.slot === slot)?.failing.until
    expect(nextUntil(0)).toBeWithin(until - 100, until + 101)
    expect(nextUntil(1)).toBeNull()
  }))

it("a process whose record is of a later version goes on as if it were known", (world) =>
  Effect.gen(function* () {
    yield* world.leave()
    const folder = world.folder.socket.folder
    const [path = ""] = readdirSync(folder)
      .filter((name) => name.endsWith(".run"))
      .map((name) => join(folder, name))
    const record = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>
    writeFileSync(path, JSON.stringify({ ...record, assignment: { later: true } }))
    expect((yield* (yield* world.next()).adopt()).runs).toMatchObject([{ leaving: true, assignment: workers() }])
  }))

it("an agent that leaves keeps its sockets open, or one that is upgraded does not hand them on", (world) =>
  Effect.gen(function* () {
    world.sockets.set(yield* world.leave(), 10)
    const departed = Effect.fnUntraced(function* (how: Departure["how"]) {
      const departure = new Departure()
      departure.how = how
      yield* Effect.scoped(Effect.flatMap(world.next(departure), ({ adopt }) => adopt()))
      return { closed: world.closed.splice(0), handedOn: departure.sockets }
    })
    expect(yield* departed("upgrade")).toEqual({ closed: [], handedOn: [{ set: setIdOf(workers()), slot: 0, fd: 10 }] })
    expect(yield* departed("leave")).toEqual({ closed: [10], handedOn: [] })
    // The sets close them as they stop.
    expect(yield* departed("stop")).toEqual({ closed: [], handedOn: [] })
  }))
