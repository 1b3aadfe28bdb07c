import { Cause, Effect } from "effect"
import { needsNewWorkers } from "../../domain/Launch.ts"
import { type CallInFlight, emptyPoison } from "../../domain/Poison.ts"
import { type ProcessAssignment, setIdOf } from "../../domain/ProcessSpec.ts"
import { textOf } from "../../protocol/ErrorText.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import { Care } from "../care/Care.ts"
import { monotonicMs } from "../Monotonic.ts"
import { type AdoptedRun, Adoption, CrashReports, type Instance, Probing } from "./Hooks.ts"
import type { Ledger } from "./Ledger.ts"
import type { Version } from "./Reloads.ts"
import type { Member } from "./SocketGroup.ts"
import type { Beginning, Slot, SlotHooks } from "./SlotOptions.ts"
import { LaunchFailed, type LaunchRequest, placeName } from "./Launched.ts"
import { Launcher } from "./Launcher.ts"
import { makeRun, type WorkerRun } from "./WorkerRun.ts"

/** What is kept and told besides holds up no process: a fault of it is said. */
const besides = Effect.catchCause((cause: Cause.Cause<never>) =>
  Effect.logError("what came of a process could not be kept in full", Cause.squash(cause)),
)

/**
 * What other parts of the node have to do with the processes of one set. `now`: its assignment as it is now. `proven`:
 * the version of which its workers are. `replace`: begins to replace a process that is of no use by one beside it; false:
 * that can't be.
 */
export const makeSetHooks = Effect.fnUntraced(function* (
  now: () => ProcessAssignment,
  proven: () => Version,
  ledger: Ledger,
  replace: (place: string, run: WorkerRun, why: string) => Effect.Effect<boolean>,
) {
  const care = yield* Care
  const launcher = yield* Launcher
  const probing = yield* Probing
  const crashes = yield* CrashReports
  const adoption = yield* Adoption
  const initial = now()
  const found = yield* adoption.adopt(initial, ledger)

  const refusePoison = Effect.fnUntraced(function* (inFlight: ReadonlyArray<CallInFlight>) {
    for (const { hash, method } of ledger.crashed(inFlight, yield* monotonicMs))
      yield* Effect.logWarning(
        `refused from now on: "${method}" with the same arguments ran each time when workers ended (call ${hash})`,
      )
  })

  const hooksOf = (kind: WorkerKind, slot: number): SlotHooks => {
    const instance = (): Instance => ({ assignment: now(), kind, slot })
    return {
      waitsForProbe: () => now().spec.readiness !== undefined,
      probe: (run, say) =>
        Effect.suspend(() => {
          const dead = Effect.fnUntraced(function* (why: string) {
            if (!(yield* replace(placeName(kind, slot), run, why))) yield* say.dead(why)
          })
          return probing.probe(instance(), run, { ...say, dead })
        }),
      crashed: (crash) =>
        besides(
          Effect.suspend(() =>
            Effect.andThen(refusePoison(crash.run.worker.inFlight()), crashes.crashed({ ...crash, ...instance() })),
          ),
        ),
      wentWell: (run) =>
        besides(
          Effect.suspend(() =>
            Effect.andThen(adoption.failing(instance(), undefined), crashes.wentWell(instance(), run)),
          ),
        ),
      left: ({ worker }, withinMs) => besides(Effect.suspend(() => adoption.left(instance(), worker.pid, withinMs))),
      exited: (ended) => besides(Effect.suspend(() => adoption.exited(instance(), ended))),
      failing: (failing) => besides(Effect.suspend(() => adoption.failing(instance(), failing))),
    }
  }

  /** What was reloaded only in part is to be of this one too. */
  const newest = Math.max(1, ...found.runs.map(({ generation = 1 }) => generation))
  /** Of one that is not as the spec is now: before all others. */
  const generationOf = (from: ProcessAssignment | undefined, counted = newest) =>
    from !== undefined && needsNewWorkers(from.spec, initial.spec) ? 0 : counted

  const runOf = Effect.fnUntraced(function* ({ assignment: from, generation, launched, over, startedAt }: AdoptedRun) {
    const worker = yield* care.adopt(launched, from, over)
    return yield* makeRun({ worker, startedAt, adopted: true, generation: generationOf(from, generation) })
  })

  /** What an agent before this one has left at a place of the set. */
  const beginningOf = Effect.fnUntraced(function* (kind: WorkerKind, slot: number) {
    const isHere = (one: { readonly kind: WorkerKind; readonly slot: number }) => one.kind === kind && one.slot === slot
    const here = found.runs.filter(isHere)
    const current = here.find((one) => !one.leaving)
    const ended = found.ended.find(isHere)
    const failed = found.failing.find(isHere)
    const leaving = here.filter((one) => one !== current)
    const begin: Beginning = {
      ...(current === undefined
        ? {}
        : { current: { run: yield* runOf(current), up: current.up, restarts: current.restarts } }),
      leaving: yield* Effect.forEach(leaving, (one) =>
        Effect.map(runOf(one), (run) => ({ run, drainMs: one.drainMs })),
      ),
      ...(ended === undefined ? {} : { ended: { ...ended.ended, generation: generationOf(ended.assignment) } }),
      ...(failed === undefined ? {} : { failing: { ...failed.failing, generation: generationOf(failed.assignment) } }),
    }
    return begin
  })

  const { poison } = found
  // What ended workers of one version is let in to the next.
  const isOfNow = poison !== undefined && poison.generation >= newest && generationOf(poison.assignment) > 0
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  ledger.keepPoison(isOfNow ? poison.book : emptyPoison, (book) => {
    const { assignment, generation } = proven()
    fork(adoption.poison(assignment, generation, book))
  })

  yield* Effect.addFinalizer(() => Effect.suspend(() => care.leave(now())))

  return {
    launch: (request: LaunchRequest) =>
      care
        .begin(request, (group) => launcher.launch({ ...request, ...group }))
        .pipe(
          Effect.catchDefect((defect) => new LaunchFailed({ reason: textOf(defect) })),
          // Its limits may have changed meanwhile.
          Effect.tap((launched) =>
            Effect.suspend(() => (request.assignment === now() ? Effect.void : besides(care.limit(now(), [launched])))),
          ),
        ),
    rssBytesOf: ({ worker }: WorkerRun) => care.usageOf(worker)?.latest?.rssBytes,
    /** The limits may have changed. */
    limit: (places: ReadonlyArray<{ readonly slot: Slot }>) =>
      Effect.suspend(() => {
        const runs = places.flatMap(({ slot }) => slot.live)
        return besides(
          care.limit(
            now(),
            runs.map(({ worker }) => worker),
          ),
        )
      }),
    limitsMissing: () => care.missing(now().spec.run),
    hooksOf,
    beginningOf,
    newest,
    /** Where an agent before this one has left something. */
    foundAt: [...found.runs, ...found.ended, ...found.failing].map(({ kind, slot }) => ({ kind, slot })),
    sockets: found.sockets,
    socketsChanged: (members: ReadonlyArray<Member>) => besides(Effect.suspend(() => adoption.sockets(now(), members))),
    crashes: () => crashes.countOf(setIdOf(now())),
  }
})
