import { Effect } from "effect"
import { isLongSilent, lookAt, noSilence, stuckReason } from "../../domain/Heartbeat.ts"
import { recyclingReason, type RecyclingSettings } from "../../domain/Recycling.ts"
import type { RpcSettings } from "../../domain/RpcSettings.ts"
import { waitedForCpuMs } from "../../platform/ProcessAge.ts"
import { EachSecond } from "../EachSecond.ts"
import { monotonicMs } from "../Monotonic.ts"
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
  let before = yield* monotonicMs

  const stuckOnes = (slots: ReadonlyArray<Slot>, elapsedMs: number) => {
    const { heartbeatTimeoutMs } = options.settings()
    const isOther = heartbeatTimeoutMs !== timeoutMs
    timeoutMs = heartbeatTimeoutMs
    const kills: Array<Effect.Effect<void>> = []
    for (const { running } of slots) {
      const heard = running?.worker.heard()
      if (running === undefined || heard === undefined) continue
      // One that reported as often as was asked before has not been silent.
      const { pid } = running.worker
      const waitedMs = isLongSilent(running.silence, timeoutMs) ? waitedForCpuMs(pid) : undefined
      running.silence = isOther ? { ...noSilence, heard } : lookAt(running.silence, heard, elapsedMs, waitedMs)
      const stuck = stuckReason(running.silence, timeoutMs)
      if (stuck !== undefined) kills.push(killFor(running, stuck))
    }
    return kills
  }

  /** The eldest: where workers grow old faster than one is replaced, it would be the first slot's each time. */
  const oldOne = (slots: ReadonlyArray<Slot>, now: number) => {
    if (options.isBusy(now)) return undefined
    const settings = options.settings()
    let found: { readonly slot: Slot; readonly startedAt: number; readonly why: string } | undefined
    for (const slot of slots) {
      const { running } = slot
      if (running === undefined || (found !== undefined && running.startedAt >= found.startedAt)) continue
      const why = recyclingReason(settings, ageOf(running, now, options.rssBytesOf(running)), running.draw)
      if (why !== undefined) found = { slot, startedAt: running.startedAt, why }
    }
    return found
  }

  yield* (yield* EachSecond).look("look after the workers", ({ now }) => {
    const slots = options.slots()
    const kills = stuckOnes(slots, now - before)
    before = now
    const old = oldOne(slots, now)
    if (kills.length === 0 && old === undefined) return undefined
    const renewal = old === undefined ? Effect.void : options.renew(old.slot, old.why)
    return Effect.andThen(Effect.all(kills, { discard: true }), renewal)
  })
})
