import { Effect } from "effect"
import { isLongSilent, lookAt, noSilence, stuckReason } from "../../domain/Heartbeat.ts"
import { recyclingReason, type RecyclingSettings } from "../../domain/Recycling.ts"
import type { RpcSettings } from "../../domain/RpcSettings.ts"
import { waitedForCpuMs } from "../../platform/ProcessAge.ts"
import { monotonicMs, nextSecond } from "../Monotonic.ts"
import type { Slot } from "./SlotOptions.ts"
import { killFor, type WorkerRun } from "./WorkerRun.ts"

export type WorkerCareOptions = {
  readonly slots: () => ReadonlyArray<Slot>
  readonly settings: () => RecyclingSettings & Pick<RpcSettings, "heartbeatTimeoutMs">
  /** Of a process and all that it has started; undefined: nobody has measured it. */
  readonly rssBytesOf: (run: WorkerRun) => number | undefined
  /** Something is being replaced: nothing else is meanwhile. `now`: by the monotonic clock. */
  readonly isBusy: (now: number) => boolean
  /** Begins to replace the slot's worker by a fresh one. */
  readonly renew: (slot: Slot, why: string) => Effect.Effect<void>
}

const ageOf = ({ startedAt, worker }: WorkerRun, now: number, treeRssBytes = 0) => {
  const stats = worker.report()?.stats
  const rssBytes = Math.max(treeRssBytes, stats?.rss_bytes ?? 0)
  return { requests: stats?.response_count ?? 0, rssBytes, ageMs: now - startedAt }
}

/** Looks at the workers that serve, each second: kills those that are stuck, has those replaced that have grown old. */
export const careForWorkers = Effect.fnUntraced(function* (options: WorkerCareOptions) {
  let timeoutMs = options.settings().heartbeatTimeoutMs
  const look = Effect.fnUntraced(function* (now: number, elapsedMs: number) {
    const { heartbeatTimeoutMs } = options.settings()
    const isOther = heartbeatTimeoutMs !== timeoutMs
    timeoutMs = heartbeatTimeoutMs
    for (const { running } of options.slots()) {
      if (running === undefined) continue
      const heard = running.worker.heard()
      if (heard === undefined) continue
      // One that reported as often as was asked before has not been silent.
      const { pid } = running.worker
      const waitedMs = isLongSilent(running.silence, timeoutMs) ? waitedForCpuMs(pid) : undefined
      running.silence = isOther ? { ...noSilence, heard } : lookAt(running.silence, heard, elapsedMs, waitedMs)
      const stuck = stuckReason(running.silence, timeoutMs)
      if (stuck !== undefined) yield* killFor(running, stuck)
    }
    // The eldest first: where workers grow old faster than one is replaced, it would be the first slot's each time.
    const startedAt = ({ running }: Slot) => running?.startedAt ?? now
    for (const slot of options.slots().toSorted((a, b) => startedAt(a) - startedAt(b))) {
      if (options.isBusy(now)) return
      const { running } = slot
      const why =
        running && recyclingReason(options.settings(), ageOf(running, now, options.rssBytesOf(running)), running.draw)
      if (why !== undefined) yield* options.renew(slot, why)
    }
  })

  let before = yield* monotonicMs
  return yield* Effect.gen(function* () {
    yield* nextSecond
    const now = yield* monotonicMs
    const elapsedMs = now - before
    before = now
    yield* look(now, elapsedMs)
  }).pipe(Effect.forever)
})
