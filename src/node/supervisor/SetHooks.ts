import { Effect } from "effect"
import { needsNewWorkers } from "../../domain/Launch.ts"
import type { CallInFlight } from "../../domain/Poison.ts"
import { type ProcessAssignment, setIdOf } from "../../domain/ProcessSpec.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import { monotonicMs } from "../Monotonic.ts"
import { type AdoptedRun, Adoption, CrashReports, type Instance, Probing } from "./Hooks.ts"
import type { Ledger } from "./Ledger.ts"
import type { Member } from "./SocketGroup.ts"
import type { Beginning, SlotHooks } from "./SlotOptions.ts"
import { makeRun } from "./WorkerRun.ts"

/** What other parts of the node have to do with the processes of one set. `now`: its assignment as it is now. */
export const makeSetHooks = Effect.fnUntraced(function* (now: () => ProcessAssignment, ledger: Ledger) {
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
      probe: (run, say) => Effect.suspend(() => probing.probe(instance(), run, say)),
      crashed: (crash) =>
        Effect.andThen(refusePoison(crash.run.worker.inFlight()), crashes.crashed({ ...crash, ...instance() })),
      wentWell: Effect.suspend(() => crashes.wentWell(instance())),
      left: ({ worker }) => Effect.suspend(() => adoption.left(instance(), worker.pid)),
      exited: (reason, good) => Effect.suspend(() => adoption.exited(instance(), reason, good)),
    }
  }

  const runOf = ({ assignment: from, launched: worker, startedAt }: AdoptedRun) =>
    makeRun({ worker, startedAt, adopted: true, generation: needsNewWorkers(from.spec, initial.spec) ? 0 : 1 })

  /** What an agent before this one has left at a place of the set. */
  const beginningOf = Effect.fnUntraced(function* (kind: WorkerKind, slot: number) {
    const here = found.runs.filter((one) => one.kind === kind && one.slot === slot)
    const current = here.find((one) => !one.leaving)
    const ended = found.ended.find((one) => one.kind === kind && one.slot === slot)
    const leaving = here.filter((one) => one !== current)
    const begin: Beginning = {
      ...(current === undefined ? {} : { current: { run: yield* runOf(current), up: current.up } }),
      leaving: yield* Effect.forEach(leaving, runOf),
      ...(ended === undefined ? {} : { ended }),
    }
    return begin
  })

  return {
    hooksOf,
    beginningOf,
    /** Where an agent before this one has left something. */
    foundAt: [...found.runs, ...found.ended].map(({ kind, slot }) => ({ kind, slot })),
    sockets: found.sockets,
    socketsChanged: (members: ReadonlyArray<Member>) => Effect.suspend(() => adoption.sockets(now(), members)),
    crashes: () => crashes.countOf(setIdOf(now())),
  }
})
