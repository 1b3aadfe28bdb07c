import { Deferred, Effect, Layer, Schema, Scope } from "effect"
import { type CommandSpec, type ModuleSpec, type ProcessAssignment, ProcessSpec } from "../../src/domain/ProcessSpec.ts"
import { type Ended, type Launched, LaunchFailed, placeName } from "../../src/node/supervisor/Launched.ts"
import { Launcher } from "../../src/node/supervisor/Launcher.ts"
import { SlotSockets } from "../../src/node/supervisor/SlotSockets.ts"
import type { WorkerSet } from "../../src/node/supervisor/SetOptions.ts"
import { makeWorkerSet } from "../../src/node/supervisor/WorkerSet.ts"
import { EachSecond } from "../../src/node/EachSecond.ts"
import { NodeChanges } from "../../src/node/NodeChanges.ts"

type Draw = () => number

type Simulated = { readonly pid: number; readonly place: string; alive: boolean; asked: boolean; end(how: Ended): void }

const decode = Schema.decodeUnknownSync(ProcessSpec)

/** A set of programs that listen by themselves, so that no two instances can be there at once. */
export const command = (over: Partial<CommandSpec> = {}): ProcessAssignment => ({
  id: "c1",
  name: "store@1",
  specRevision: 1,
  listen: { ip: "127.0.0.1", port: 1 },
  spec: {
    ...decode({ kind: "command", service: "store", command: { argv: ["x"] }, drainTimeoutMs: 2_000 }),
    ...over,
  } as CommandSpec,
})

export const workers = (over: Partial<ModuleSpec> = {}): ProcessAssignment => ({
  id: "m1",
  name: "greeter@1",
  specRevision: 1,
  listen: { ip: "127.0.0.1", port: 1 },
  spec: {
    ...decode({ kind: "module", service: "greeter", module: "/x.js", drainTimeoutMs: 2_000 }),
    ...over,
  } as ModuleSpec,
})

/** Processes that live in memory only, on a clock that the test turns, each of a fate that is drawn. */
export const makeSimulation = Effect.fnUntraced(function* (draw: Draw, isExclusive: boolean) {
  const scope = yield* Effect.scope
  const processes: Array<Simulated> = []
  const violations: Array<string> = []
  const signals: Array<string> = []
  let calm = false

  const alive = (place?: string) => processes.filter((one) => one.alive && (place === undefined || one.place === place))

  const later = (ms: number, act: () => void) =>
    Effect.asVoid(Effect.forkIn(Effect.andThen(Effect.sleep(ms), Effect.sync(act)), scope))

  const launch: Launcher["Service"]["launch"] = Effect.fnUntraced(function* ({ kind, slot }) {
    const place = placeName(kind, slot)
    const there = alive(place)
    if (isExclusive && there.length > 0) violations.push(`${place} is started while pid ${there[0]?.pid} is there`)
    const present = there.filter(({ asked }) => !asked)
    if (present.length > 1) violations.push(`${place} is started beside ${present.length} that are to stay`)
    // Starting takes its time.
    yield* Effect.sleep(draw() * 50)
    const fate = calm ? 1 : draw()
    if (fate < 0.05) return yield* new LaunchFailed({ reason: "no such file" })
    const pid = processes.length + 1
    const ready = yield* Deferred.make<void>()
    const exited = yield* Deferred.make<Ended>()
    const process: Simulated = {
      pid,
      place,
      alive: true,
      asked: false,
      end: (how) => {
        process.alive = false
        Deferred.doneUnsafe(exited, Effect.succeed(how))
      },
    }
    processes.push(process)
    const crash = () => process.end({ code: 1, signal: null, reason: "exited with code 1" })
    if (fate < 0.2) yield* later(draw() * 1_000, crash)
    else yield* later(draw() * 3_000, () => Deferred.doneUnsafe(ready, Effect.void))
    if (fate >= 0.2 && fate < 0.35) yield* later(3_000 + draw() * 20_000, crash)
    const hears = draw() < 0.8
    const ask = Effect.suspend(() => {
      process.asked = true
      const end = () => process.end({ code: 0, signal: null, reason: "exited with code 0" })
      return hears ? later(draw() * 1_500, end) : Effect.void
    })
    const launched: Launched = {
      pid,
      ready: Deferred.await(ready),
      exited: Deferred.await(exited),
      terminate: ask,
      retire: ask,
      signal: (signal) => Effect.sync(() => void signals.push(`${signal} ${pid}`)),
      kill: Effect.sync(() => process.end({ code: null, signal: "SIGKILL", reason: "killed by SIGKILL" })),
      report: () => undefined,
      heard: () => undefined,
      inFlight: () => [],
    }
    return launched
  })

  let fds = 100
  const environment = Layer.mergeAll(
    Layer.succeed(Launcher, Launcher.of({ launch, adopt: () => Effect.die("nothing was left") })),
    Layer.succeed(
      SlotSockets,
      SlotSockets.of({
        assertFree: () => Effect.void,
        open: () => Effect.sync(() => ++fds),
        setBacklog: () => Effect.void,
        close: () => Effect.void,
        take: () => Effect.succeed(undefined),
        isAt: () => Effect.succeed(true),
        steer: () => Effect.void,
      }),
    ),
    NodeChanges.layer,
    EachSecond.layer,
  )
  const services = yield* Layer.buildWithScope(environment, scope)

  return {
    processes,
    violations,
    signals,
    alive,
    /** From now on all that is started lives. */
    calmDown: () => void (calm = true),
    crashOne: () => {
      const all = alive()
      all[Math.floor(draw() * all.length)]?.end({ code: null, signal: "SIGSEGV", reason: "killed by SIGSEGV" })
    },
    make: (assignment: ProcessAssignment): Effect.Effect<WorkerSet, never, Scope.Scope> =>
      Effect.gen(function* () {
        const own = yield* Scope.fork(scope)
        return yield* makeWorkerSet({
          assignment,
          scope: own,
          startWaitsFor: () => undefined,
          stopWaitsFor: () => undefined,
          changed: Effect.void,
        }).pipe(Scope.provide(own))
      }).pipe(Effect.provideContext(services)),
  }
})
