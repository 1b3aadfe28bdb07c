import { expect } from "bun:test"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ProcessPolicy } from "../../src/domain/ProcessState.ts"
import { makeSlot } from "../../src/node/supervisor/Slot.ts"
import { it, running, scripted, settle } from "./ScriptedProcesses.ts"

const hourMs = 3_600_000

/** Runs a program that ends `livesMs` after each start, for an hour; gives the times of its starts and its slot. */
const anHourOf = Effect.fnUntraced(function* (program: {
  readonly livesMs: number
  readonly upAfterMs?: number
  readonly code?: number
  readonly policy?: Partial<ProcessPolicy>
}) {
  const script = scripted()
  script.set(program.policy ?? {})
  const slot = yield* makeSlot(script.options)
  yield* slot.start
  const stepMs = 100
  const starts: Array<number> = []
  for (let now = 0; now < hourMs; now += stepMs) {
    yield* TestClock.adjust(now === 0 ? 0 : stepMs)
    if (script.started.length > starts.length) starts.push(now)
    const age = now - (starts.at(-1) ?? 0)
    const process = script.started.at(-1)
    if (age === (program.upAfterMs ?? Infinity)) process?.ready()
    if (age >= program.livesMs) process?.end(`exited with code ${program.code ?? 1}`, program.code ?? 1)
  }
  return { starts, slot, gaps: starts.slice(1).map((at, nth) => at - (starts[nth] ?? 0)) }
})

const endless = { startRetries: 0 }

it(
  "a program that crashes at once does not spin: an hour of it is some seventy starts, and the waits grow to a minute",
  Effect.gen(function* () {
    const { gaps, starts } = yield* anHourOf({ livesMs: 0, policy: endless })
    expect(starts.length).toBeLessThan(140)
    expect(starts.length).toBeGreaterThan(60)
    expect(gaps[0]).toBeWithin(200, 701)
    expect(Math.min(...gaps.slice(8))).toBeGreaterThanOrEqual(30_000)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(60_300)
  }),
)

it(
  "a program that lives for two seconds, or is up for just over one, does not spin either",
  Effect.gen(function* () {
    for (const program of [
      { livesMs: 2_000, upAfterMs: 100 },
      { livesMs: 1_100, upAfterMs: 1_000 },
    ]) {
      const { gaps, starts } = yield* anHourOf({ ...program, policy: endless })
      expect(starts.length).toBeLessThan(140)
      expect(Math.min(...gaps.slice(8))).toBeGreaterThanOrEqual(30_000)
    }
  }),
)

it(
  "a program that always ends well and is always to run does not spin, and is never given up",
  Effect.gen(function* () {
    const { slot, starts } = yield* anHourOf({ livesMs: 500, upAfterMs: 0, code: 0 })
    expect(starts.length).toBeLessThan(140)
    expect(slot.state).not.toBe("FATAL")
    expect(slot.status.restarts).toBe(0)
  }),
)

it(
  "a program that lives for a minute each time is started again at once each time",
  Effect.gen(function* () {
    const { gaps } = yield* anHourOf({ livesMs: 61_000, upAfterMs: 100 })
    expect(Math.max(...gaps)).toBeLessThanOrEqual(61_000 + 700)
  }),
)

it(
  "what has failed too often is given up, and tried again by itself and not by a cron job of the operator's",
  Effect.gen(function* () {
    const { gaps, slot, starts } = yield* anHourOf({ livesMs: 0, policy: { startRetries: 3, fatalRetryMs: 300_000 } })
    expect(starts.length).toBe(4 + 11)
    for (const gap of gaps.slice(3)) expect(gap).toBeWithin(300_000, 300_201)
    expect(slot.status).toMatchObject({ state: "FATAL", reason: "exited with code 1", restarts: 15 })
  }),
)

it(
  "one that is FATAL for ever is started by a person, with all its tries again",
  Effect.gen(function* () {
    const { slot, starts } = yield* anHourOf({ livesMs: 0, policy: { startRetries: 3 } })
    expect(starts.length).toBe(4)
    expect(slot.state).toBe("FATAL")
    expect(slot.isResting).toBe(true)
    yield* slot.start
    yield* settle
    expect(slot.state).toBe("STARTING")
  }),
)

it(
  "a job that has ended well stays down when it is not to be started again, and is started by a person",
  Effect.gen(function* () {
    for (const restart of ["unexpected", "never"] as const) {
      const script = scripted()
      script.set({ restart })
      const slot = yield* running(script)
      script.started[0]?.end("exited with code 0", 0)
      yield* TestClock.adjust(hourMs)
      expect(slot.status).toMatchObject({ state: "EXITED", pid: null, restarts: 0, reason: null })
      expect(slot.isCompleted).toBe(true)
      expect(script.wentWell()).toBe(1)
      yield* slot.start
      yield* settle
      expect(script.started.length).toBe(2)
    }
  }),
)

it(
  "one that is never to be started again stays down after a bad end, and says why",
  Effect.gen(function* () {
    const script = scripted()
    script.set({ restart: "never" })
    const slot = yield* running(script)
    script.started[0]?.end("exited with code 4", 4)
    yield* TestClock.adjust(hourMs)
    expect(slot.status).toMatchObject({ state: "EXITED", reason: "exited with code 4", restarts: 1 })
    expect(slot.isCompleted).toBe(false)
    expect(script.log).toEqual(["crash of 1"])
    yield* slot.stop
    yield* settle
    expect(slot.isVacant).toBe(true)
  }),
)

it(
  "a process that is not alive any more is asked to end, killed when it does not, and started anew after a wait",
  Effect.gen(function* () {
    const script = scripted()
    let dead: Effect.Effect<void> = Effect.void
    script.hooks.probe = (_run, say) => Effect.sync(() => void (dead = say.dead("its probe failed 3 times: timeout")))
    const slot = yield* running(script)
    yield* dead
    yield* dead
    yield* settle
    expect(slot.isReady).toBe(false)
    expect(slot.status).toMatchObject({ state: "RUNNING", reason: "its probe failed 3 times: timeout" })
    expect(script.log).toEqual(["TERM 1"])
    yield* TestClock.adjust(5_000)
    expect(script.log).toEqual(["TERM 1", "KILL 1", "crash of 1"])
    // It was up for longer than the first wait is.
    yield* settle
    expect(slot.status).toMatchObject({ state: "STARTING", reason: "its probe failed 3 times: timeout", restarts: 1 })
    expect(script.started.length).toBe(2)
  }),
)

it(
  "one that ends well when it was found dead has failed all the same",
  Effect.gen(function* () {
    const script = scripted()
    script.set({ restart: "unexpected" })
    script.hooks.probe = (_run, say) => say.dead("stuck")
    const slot = yield* running(script)
    script.started[0]?.end("exited with code 0", 0)
    yield* settle
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "stuck", restarts: 1 })
  }),
)

it(
  "a crash tells the process, how it ended, for how long it ran and whether it had come up",
  Effect.gen(function* () {
    const script = scripted()
    const crashes: Array<unknown> = []
    script.hooks.crashed = ({ ended, figures, ranMs, run, wasUp }) =>
      Effect.sync(() => void crashes.push({ pid: run.worker.pid, ended, figures, ranMs, wasUp }))
    const slot = yield* running(script)
    yield* TestClock.adjust(7_000)
    script.started[0]?.end("killed by SIGSEGV")
    yield* TestClock.adjust(501)
    script.started[1]?.end("exited with code 2", 2)
    yield* settle
    yield* slot.stop
    yield* settle
    const nothing = { figures: undefined }
    expect(crashes).toEqual([
      {
        pid: 1,
        ended: { code: null, signal: null, reason: "killed by SIGSEGV" },
        ranMs: 7_000,
        wasUp: true,
        ...nothing,
      },
      {
        pid: 2,
        ended: { code: 2, signal: null, reason: "exited with code 2" },
        ranMs: expect.any(Number),
        wasUp: false,
        ...nothing,
      },
    ])
  }),
)

it(
  "a fault of ours in the midst of a failure, a start or an end does not end the supervision",
  Effect.gen(function* () {
    const script = scripted()
    const slot = yield* running(script)
    const faulty = Effect.die(new Error("no memory of it"))
    // After its state has changed, and before it waits for the next try.
    script.hooks.failing = () => faulty
    script.hooks.crashed = () => faulty
    script.started[0]?.end("exited with code 1", 1)
    yield* settle
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "exited with code 1" })
    yield* TestClock.adjust("2 seconds")
    expect(script.started).toHaveLength(2)
    script.started[1]?.ready()
    yield* settle
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 2 })

    const { recipe } = script.options
    script.options.recipe = () => ({ ...recipe(), launch: faulty })
    script.started[1]?.end("exited with code 1", 1)
    yield* TestClock.adjust("2 seconds")
    expect(slot.status).toMatchObject({ state: "BACKOFF", reason: "it could not be started: no memory of it" })
    script.options.recipe = recipe
    for (let nth = 0; nth < 80 && script.started.length < 3; nth++) yield* TestClock.adjust(100)
    script.started[2]?.ready()
    yield* settle
    expect(slot.status).toMatchObject({ state: "RUNNING", pid: 3 })
  }),
)
