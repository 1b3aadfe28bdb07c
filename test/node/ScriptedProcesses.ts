import { expect, test } from "bun:test"
import { Deferred, Effect, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ProcessPolicy } from "../../src/domain/ProcessState.ts"
import { type Ended, type Launched, LaunchFailed } from "../../src/node/supervisor/Launched.ts"
import { makeSlot } from "../../src/node/supervisor/Slot.ts"
import type { SlotHooks } from "../../src/node/supervisor/SlotOptions.ts"
import type { WorkerFigures } from "../../src/node/supervisor/WorkerRegistry.ts"
import type { Recipe } from "../../src/node/supervisor/WorkerRun.ts"

/** What was logged in tests of this file. */
export const lines: Array<string> = []
const logger = Logger.make(({ message }) => {
  lines.push(Array.isArray(message) ? message.map(String).join(" ") : String(message))
})
const environment = Layer.mergeAll(TestClock.layer(), Logger.layer([logger]))
export const it = (name: string, effect: Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(environment))))

/** Workers without processes: the test says when one is ready and when it ends. */
export const scripted = () => {
  const log: Array<string> = []
  const started: Array<{ ready(): void; end(reason: string, code?: number, left?: string): void }> = []
  let broken: string | undefined
  let report: WorkerFigures | undefined
  let policy: ProcessPolicy = {
    restart: "always",
    successCodes: [0],
    upAtOnce: false,
    startRetries: 10,
    fatalRetryMs: 0,
  }
  let wells = 0
  const launch = Effect.suspend(() => {
    if (broken !== undefined) return Effect.fail(new LaunchFailed({ reason: broken }))
    const pid = started.length + 1
    const ready = Deferred.makeUnsafe<void>()
    const exited = Deferred.makeUnsafe<Ended>()
    const end = (reason: string, code: number | null = null, left?: string) => {
      const how = { code, signal: null, reason, ...(left === undefined ? {} : { left }) }
      Deferred.doneUnsafe(exited, Effect.succeed(how))
    }
    started.push({ ready: () => void Deferred.doneUnsafe(ready, Effect.void), end })
    const worker: Launched = {
      pid,
      ready: Deferred.await(ready),
      exited: Deferred.await(exited),
      terminate: Effect.sync(() => void log.push(`TERM ${pid}`)),
      retire: Effect.sync(() => void log.push(`USR2 ${pid}`)),
      kill: Effect.sync(() => {
        log.push(`KILL ${pid}`)
        end("killed by SIGKILL")
      }),
      report: () => report,
      heard: () => 0,
      inFlight: () => [],
    }
    return Effect.succeed(worker)
  })
  const hooks: { -readonly [Name in keyof SlotHooks]: SlotHooks[Name] } = {
    waitsForProbe: () => false,
    probe: () => Effect.void,
    crashed: ({ run, wasUp }) => Effect.sync(() => void (wasUp && log.push(`crash of ${run.worker.pid}`))),
    wentWell: () => Effect.sync(() => void (wells += 1)),
    left: () => Effect.void,
    exited: () => Effect.void,
    failing: () => Effect.void,
  }
  const recipe = (generation: number): Recipe => ({ generation, startTimeoutMs: 10_000, launch })
  const options = {
    index: 0,
    name: "0",
    service: () => "greeter@1",
    recipe: () => recipe(1),
    drainTimeoutMs: () => 5_000,
    policy: (): ProcessPolicy => policy,
    hooks: hooks as SlotHooks,
    changed: Effect.void,
  }
  return {
    log,
    started,
    options,
    recipe,
    hooks,
    set: (over: Partial<ProcessPolicy>) => void (policy = { ...policy, ...over }),
    wentWell: () => wells,
    breakIt: (reason: string | undefined) => void (broken = reason),
    say: (next: WorkerFigures) => void (report = next),
  }
}

export type Script = ReturnType<typeof scripted>

/** A slot whose first worker, pid 1, runs. */
export const running = Effect.fnUntraced(function* (script: Script) {
  const slot = yield* makeSlot(script.options)
  yield* slot.start
  yield* settle
  script.started[0]?.ready()
  yield* settle
  expect(slot.status).toMatchObject({ state: "RUNNING", pid: 1 })
  return slot
})

/** Lets the fibers take what was offered to them. */
export const settle = Effect.repeat(TestClock.adjust(0), { times: 3 })
