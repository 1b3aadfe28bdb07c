import { Clock, Context, Effect, Layer, Semaphore } from "effect"
import { callsAtEnd, isWorthReport } from "../../domain/Crash.ts"
import { setIdOf } from "../../domain/ProcessSpec.ts"
import type { CrashReport, CrashSummary } from "../../protocol/ProcessMessages.ts"
import { Care } from "../care/Care.ts"
import { Disk, type DiskFailed } from "../Disk.ts"
import { Logs } from "../logs/Logs.ts"
import { type Crash, CrashReports, type Instance } from "../supervisor/Hooks.ts"
import { placeName } from "../supervisor/Launched.ts"
import { makeCrashStore } from "./CrashStore.ts"
import { makeLastGood } from "./LastGood.ts"

/** In a report; longer lines are cut. */
const linesMax = 200
const lineCharsMax = 4_096

/** The crash reports of this node. `set`: `setIdOf` of an assignment. */
export class Crashes extends Context.Service<
  Crashes,
  {
    readonly list: (set: string) => Effect.Effect<ReadonlyArray<CrashSummary>, DiskFailed>
    readonly get: (id: string) => Effect.Effect<CrashReport | undefined, DiskFailed>
    /** Lets those go whose process set is run no more, and was long ago. `sets`: what is run. */
    readonly prune: (sets: ReadonlySet<string>) => Effect.Effect<void, DiskFailed>
    readonly hooks: typeof CrashReports.Service
  }
>()("muster/node/crashes/Crashes") {
  static readonly layer = (folder: string) =>
    Layer.effect(
      Crashes,
      Effect.gen(function* () {
        const disk = yield* Disk
        const care = yield* Care
        const logs = yield* Logs
        const scope = yield* Effect.scope
        const store = yield* Effect.provideService(makeCrashStore(folder), Disk, disk)
        const lastGood = yield* Effect.provideService(makeLastGood(folder), Disk, disk)
        const oneAtATime = yield* Semaphore.make(1)
        /** Failed starts in a row of each place by one version, to tell the first from those that follow. */
        const failures = new Map<string, { readonly generation: number; readonly count: number }>()
        const placeOf = ({ assignment, kind, slot }: Instance) => `${setIdOf(assignment)} ${placeName(kind, slot)}`

        const reportOf = Effect.fnUntraced(function* (crash: Crash, at: number) {
          const { assignment, ended, figures, kind, ranMs, run, slot } = crash
          const { name } = assignment
          const { specRevision } = care.sourceOf(run.worker) ?? assignment
          const calls = callsAtEnd(run.worker.inFlight(), figures?.openCalls ?? [], at)
          const log = yield* logs.lastLines(name, placeName(kind, slot), linesMax)
          const report: Omit<CrashReport, "id"> = {
            name,
            kind,
            slot,
            pid: run.worker.pid,
            at,
            ranMs: Math.round(ranMs),
            code: ended.code,
            signal: ended.signal,
            outOfMemory: ended.outOfMemory === true,
            reason: ended.reason,
            specRevision,
            lastGoodRevision: yield* lastGood.of(setIdOf(assignment), assignment.specRevision),
            log: log
              .filter((line) => line.at <= (ended.saidUntil ?? at))
              .map((line) => ({ at: line.at, stream: line.stream, text: line.text.slice(0, lineCharsMax) })),
            samples: (care.usageOf(run.worker)?.samples ?? []).map(
              ({ at: taken, cpuPercent, loopLagMs, rssBytes }) => ({ at: taken, rssBytes, cpuPercent, loopLagMs }),
            ),
            openCalls: calls,
            openCallCount: Math.max(calls.length, run.worker.inFlight().length, figures?.openCallCount ?? 0),
          }
          return report
        })

        const write = Effect.fnUntraced(function* (crash: Crash, at: number) {
          yield* oneAtATime.withPermit(
            Effect.flatMap(reportOf(crash, at), (report) => store.add(setIdOf(crash.assignment), report)),
          )
        })

        const quietly = <A>(what: string, effect: Effect.Effect<A, DiskFailed>) =>
          effect.pipe(
            Effect.asVoid,
            Effect.catch((error) => Effect.logWarning(`${what}: ${error.message}`)),
          )

        return Crashes.of({
          list: (set) => oneAtATime.withPermit(store.list(set)),
          get: (id) => store.get(id),
          prune: (sets) =>
            oneAtATime.withPermit(
              Effect.gen(function* () {
                const gone = yield* store.prune(sets, yield* Clock.currentTimeMillis)
                for (const set of gone) lastGood.forget(set)
              }),
            ),
          hooks: {
            crashed: Effect.fnUntraced(function* (crash) {
              const place = placeOf(crash)
              const { generation } = crash.run
              const before = failures.get(place)
              const count = crash.wasUp || before?.generation !== generation ? 1 : before.count + 1
              failures.set(place, { generation, count })
              if (!isWorthReport({ wasRunning: crash.wasUp, failures: count })) return
              const at = yield* Clock.currentTimeMillis
              yield* Effect.forkIn(quietly("a crash report can't be kept", write(crash, at)), scope)
            }),
            wentWell: Effect.fnUntraced(function* (instance, run) {
              failures.delete(placeOf(instance))
              const { assignment } = instance
              const { specRevision } = care.sourceOf(run.worker) ?? assignment
              const good = lastGood.ranWell(setIdOf(assignment), specRevision, assignment.specRevision)
              yield* oneAtATime.withPermit(quietly("which revision ran well can't be kept", good))
            }),
            countOf: (set) => store.count(set),
          },
        })
      }),
    )

  /** What the supervisor tells of its processes. */
  static readonly hooks = Layer.effect(
    CrashReports,
    Effect.map(Crashes, ({ hooks }) => hooks),
  )
}
