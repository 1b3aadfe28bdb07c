import { tmpdir } from "node:os"
import { Clock, Context, Deferred, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { CronTask } from "../../../src/domain/Cron.ts"
import { dataFolder, makeFolders } from "../../../src/node/DataFolder.ts"
import { CurrentDeparture, Departure } from "../../../src/node/Departure.ts"
import { Disk } from "../../../src/node/Disk.ts"
import { Cron } from "../../../src/node/cron/Cron.ts"
import { CronRunner } from "../../../src/node/cron/CronRunner.ts"
import { type RunningAction, type RunOutcome, StartFailed } from "../../../src/node/cron/RunningAction.ts"
import { RunOutput } from "../../../src/node/cron/RunOutput.ts"
import { NodeChanges } from "../../../src/node/NodeChanges.ts"
import { Notices } from "../../../src/node/Notices.ts"
import type { CronRun } from "../../../src/protocol/CronMessages.ts"
import { temporaryFolder } from "../../support/muster.ts"

const ok: RunOutcome = { state: "ok", exitCode: 0, signal: null, reason: null }
export const failed: RunOutcome = { state: "failed", exitCode: 1, signal: null, reason: "exited with code 1" }

export type Begun = { readonly task: string; readonly at: number }

export type TestCronOptions = {
  readonly lookMs?: number
  readonly inMemory?: boolean
  /** The agent leaves what runs to the next one. */
  readonly leaves?: boolean
}

/** Cron of a node on a turned clock: what its tasks do takes as long as a test says, and does nothing. */
export const testCron = Effect.fnUntraced(function* (options: TestCronOptions = {}) {
  const scope = yield* Effect.scope
  const temporary = yield* Effect.acquireRelease(
    Effect.sync(() => temporaryFolder("muster-cron-", options.inMemory === true ? "/dev/shm" : tmpdir())),
    (folder) => Effect.sync(() => folder[Symbol.dispose]()),
  )
  const folder = dataFolder(temporary.path)
  yield* makeFolders(folder).pipe(Effect.provide(Disk.layer))
  const begun: Array<Begun> = []
  /** How long a run of a task takes; one that is not here is over at once. */
  const takes = new Map<string, number>()
  /** How long the start of a run of a task takes. */
  const startsIn = new Map<string, number>()
  /** How long a run of a task goes on after it was asked to end; one that is not here ends at once. */
  const stopsIn = new Map<string, number>()
  /** How the next runs of a task end; ok after these. */
  const ends = new Map<string, Array<RunOutcome>>()
  const departure = new Departure()
  if (options.leaves === true) departure.how = "leave"
  /** By their ids, for the agent that comes next. */
  const left = new Map<string, RunningAction>()
  let now = 0
  let most = 0

  // What the host's clock shows; how time passes does not change with it.
  let shiftMs = 0
  const turned = yield* Clock.Clock
  const wall: Clock.Clock = Object.assign(Object.create(turned), {
    currentTimeMillisUnsafe: () => turned.currentTimeMillisUnsafe() + shiftMs,
    currentTimeMillis: Effect.sync(() => turned.currentTimeMillisUnsafe() + shiftMs),
  })
  const onWall = Effect.provideService(Clock.Clock, wall)

  const start = Effect.fnUntraced(function* (task: CronTask, id: string) {
    if (task.name === "unstartable")
      return yield* new StartFailed({ reason: "command nothing is in no folder of PATH" })
    yield* Effect.sleep(startsIn.get(task.name) ?? 0)
    begun.push({ task: task.name, at: yield* Clock.currentTimeMillis })
    now += 1
    most = Math.max(most, now)
    const ended = Deferred.makeUnsafe<RunOutcome>()
    const end = (outcome: RunOutcome) => Effect.sync(() => Deferred.doneUnsafe(ended, Effect.succeed(outcome)))
    const outcome = ends.get(task.name)?.shift() ?? ok
    const takesMs = takes.get(task.name)
    if (takesMs === undefined) yield* end(outcome)
    else yield* Effect.forkIn(Effect.delay(end(outcome), takesMs), scope)
    const action: RunningAction = {
      process: options.leaves === true ? { pid: 1, startTime: "1", bootId: "boot", uid: undefined } : null,
      output: new RunOutput(),
      ended: Effect.tap(Deferred.await(ended), () => Effect.sync(() => (now -= 1))),
      written: Effect.void,
      stop: end({ state: "failed", exitCode: null, signal: "SIGTERM", reason: "killed by SIGTERM" }).pipe(
        Effect.delay(stopsIn.get(task.name) ?? 0),
      ),
    }
    if (options.leaves === true) left.set(id, action)
    return action
  })
  const runner = Layer.succeed(
    CronRunner,
    CronRunner.of({
      start,
      adopt: ({ id }) => Effect.sync(() => left.get(id)),
      said: () => Effect.sync(() => new RunOutput()),
      sweep: () => Effect.void,
    }),
  )
  const layer = Cron.layer(folder.cron, options.lookMs).pipe(
    Layer.provide([runner, Disk.layer, Notices.layer, Layer.succeed(CurrentDeparture, departure)]),
    Layer.provide(NodeChanges.layer),
  )

  let own: Scope.Closeable | undefined
  let cron: Cron["Service"] | undefined
  const service = () => {
    if (cron === undefined) throw new Error("the agent is not there")
    return cron
  }
  /** Lets what was set off by a change come to rest. */
  const settle = Effect.gen(function* () {
    for (let turn = 0; turn < 20; turn++) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })
  const up = Effect.gen(function* () {
    own = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.fresh(layer), own).pipe(onWall)
    cron = Context.get(context, Cron)
    yield* settle
  })
  const down = Effect.gen(function* () {
    if (own !== undefined) yield* onWall(Scope.close(own, Exit.void))
    own = undefined
    cron = undefined
  })
  yield* up
  yield* Effect.addFinalizer(() => down)

  let revision = 0
  return {
    folder,
    begun,
    takes,
    startsIn,
    stopsIn,
    ends,
    /** The most that ever went on at once. */
    most: () => most,
    service,
    up,
    down,
    settle,
    apply: (...tasks: ReadonlyArray<CronTask>) =>
      Effect.suspend(() => service().apply({ revision: ++revision, tasks })).pipe(onWall, Effect.andThen(settle)),
    turn: (ms: number) => Effect.andThen(TestClock.adjust(ms), settle),
    /** Somebody puts the host's clock forward, or back. */
    putClock: (byMs: number) => Effect.sync(() => void (shiftMs += byMs)),
    times: (task: string) => begun.filter((run) => run.task === task).map(({ at }) => at),
    runs: (task: string): Effect.Effect<ReadonlyArray<CronRun>, never> =>
      Effect.suspend(() => service().runs(task, 1_000)).pipe(
        Effect.map(({ runs }) => runs.toReversed()),
        Effect.orDie,
      ),
  }
})
