import { expect, test } from "bun:test"
import { Deferred, Effect, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeSlot } from "../../src/node/supervisor/Slot.ts"
import { type LaunchedWorker, LaunchFailed } from "../../src/node/supervisor/WorkerLauncher.ts"

const environment = Layer.mergeAll(TestClock.layer(), Logger.layer([]))
const it = (name: string, effect: Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(environment))))

/** Workers without processes: the test says when one is ready and when it ends. */
const scripted = () => {
  const log: Array<string> = []
  const started: Array<{ ready(): void; end(reason: string): void }> = []
  let broken: string | undefined
  const launch = Effect.suspend(() => {
    if (broken !== undefined) return Effect.fail(new LaunchFailed({ reason: broken }))
    const pid = started.length + 1
    const ready = Deferred.makeUnsafe<void>()
    const exited = Deferred.makeUnsafe<string>()
    const end = (reason: string) => void Deferred.doneUnsafe(exited, Effect.succeed(reason))
    started.push({ ready: () => void Deferred.doneUnsafe(ready, Effect.void), end })
    const worker: LaunchedWorker = {
      pid,
      ready: Deferred.await(ready),
      exited: Deferred.await(exited),
      terminate: Effect.sync(() => void log.push(`TERM ${pid}`)),
      kill: Effect.sync(() => {
        log.push(`KILL ${pid}`)
        end("killed by SIGKILL")
      }),
    }
    return Effect.succeed(worker)
  })
  const spec = () => ({ generation: 1, drainTimeoutMs: 5_000 })
  const options = { index: 0, launch, spec, changed: Effect.void }
  return { log, started, options, breakIt: (reason: string | undefined) => void (broken = reason) }
}

/** Lets the fibers take what was offered to them. */
const settle = TestClock.adjust(0)

it(
  "a worker that keeps failing is tried again after waits that double up to a minute",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    const waits: Array<number> = []
    for (let nth = 0; nth < 10; nth++) {
      const before = script.started.length
      script.started.at(-1)?.end("exited with code 1")
      yield* settle
      expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "exited with code 1", restarts: nth + 1 })
      let waited = 0
      while (script.started.length === before) {
        yield* TestClock.adjust(50)
        waited += 50
      }
      waits.push(waited)
    }
    const full = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    for (const [nth, wait] of waits.entries()) expect(wait).toBeWithin((full[nth] ?? 0) / 2, (full[nth] ?? 0) + 51)
  }),
)

it(
  "after a minute up the next failure is the first again",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    for (let nth = 0; nth < 5; nth++) {
      script.started.at(-1)?.end("exited with code 1")
      yield* TestClock.adjust(8_001)
    }
    script.started.at(-1)?.ready()
    yield* settle
    expect(slot.state).toBe("RUNNING")
    yield* TestClock.adjust("60 seconds")
    const before = script.started.length
    script.started.at(-1)?.end("killed by SIGKILL")
    yield* settle
    expect(slot.state).toBe("BACKOFF")
    yield* TestClock.adjust(501)
    expect(script.started.length).toBe(before + 1)
  }),
)

it(
  "a worker that is not ready within ten seconds is killed and counted as failed",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* TestClock.adjust(9_999)
    expect(slot.state).toBe("STARTING")
    yield* TestClock.adjust(1)
    expect(script.log).toEqual(["KILL 1"])
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "not ready within 10 s", restarts: 1 })
  }),
)

it(
  "a worker that was ready in time is left alone",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    script.started[0]?.ready()
    yield* TestClock.adjust("1 hour")
    expect(script.log).toEqual([])
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1, restarts: 0, reason: null })
  }),
)

it(
  "a stop asks first, and kills two seconds after the time to drain",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    script.started[0]?.ready()
    yield* settle
    yield* slot.stop
    yield* TestClock.adjust(6_999)
    expect(script.log).toEqual(["TERM 1"])
    expect(slot.state).toBe("STOPPING")
    yield* TestClock.adjust(1)
    expect(script.log).toEqual(["TERM 1", "KILL 1"])
    expect(slot.status).toMatchObject({ state: "STOPPED", pid: null, restarts: 0 })
    yield* TestClock.adjust("1 hour")
    expect(script.started.length).toBe(1)
  }),
)

it(
  "a stop during the backoff ends the tries, and a start begins anew",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    script.breakIt("the folder /nowhere does not exist")
    yield* slot.start
    yield* settle
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "the folder /nowhere does not exist", pid: null })
    yield* slot.stop
    yield* TestClock.adjust("1 hour")
    expect(slot.state).toBe("STOPPED")
    script.breakIt(undefined)
    yield* slot.start
    yield* settle
    expect(slot.state).toBe("STARTING")
  }),
)

it(
  "a worker that can't even be started says why now, not why it failed before",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* makeSlot(script.options)
    yield* slot.start
    yield* settle
    script.started.at(-1)?.end("exited with code 1")
    yield* settle
    expect(slot.isResting).toBe(false)
    script.breakIt("the port is in use")
    yield* TestClock.adjust(60_000)
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "the port is in use", restarts: 1 })
    expect(slot.isResting).toBe(true)
    script.breakIt(undefined)
    // By the second: a worker that nobody calls ready is killed ten seconds after its start.
    for (let second = 0; second < 60 && slot.state === "BACKOFF"; second++) yield* TestClock.adjust(1_000)
    expect(slot.state).toBe("STARTING")
  }),
)
