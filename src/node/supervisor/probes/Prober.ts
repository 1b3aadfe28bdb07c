import { Deferred, Effect, Layer } from "effect"
import { unasked } from "../../../domain/ProbeState.ts"
import { type Instance, type ProbeAnswers, Probing } from "../Hooks.ts"
import type { WorkerRun } from "../WorkerRun.ts"
import { type AskerOptions, makeAsker } from "./Asker.ts"
import { probeProcess } from "./ProbeProcess.ts"

/** Asks each process that is up by the probes of its spec. Task workers answer nobody, and are not asked. */
export const prober = (options: AskerOptions) =>
  Layer.sync(Probing, () => {
    const ask = makeAsker(options)

    const probe = Effect.fnUntraced(function* (instance: Instance, run: WorkerRun, say: ProbeAnswers) {
      const { assignment, kind, slot } = instance
      const { liveness, readiness } = assignment.spec
      if (kind === "tasks") return yield* say.ready
      const asked = { assignment, slot, pid: run.worker.pid }
      const wasReady = yield* Deferred.isDone(run.wasReady)
      const common = { startedAt: run.startedAt, good: say.ready }
      const watches = [
        readiness && {
          ...common,
          role: "readiness" as const,
          probe: readiness,
          first: wasReady ? { isGood: true, row: 0, last: undefined } : unasked("readiness"),
          ask: ask(readiness, asked),
          bad: say.unready,
        },
        liveness && {
          ...common,
          role: "liveness" as const,
          probe: liveness,
          first: unasked("liveness"),
          ask: ask(liveness, asked),
          bad: say.dead,
        },
      ]
      yield* Effect.forEach(
        watches.filter((watch) => watch !== undefined),
        probeProcess,
        { concurrency: "unbounded", discard: true },
      )
    })

    return Probing.of({ probe })
  })
