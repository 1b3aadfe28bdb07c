import { type CronRunState, type CronRunView, runMs } from "../../../src/domain/CronView.ts"
import { formatMicros, formatNumber } from "../../parts/Format.ts"
import { Status, type Tone } from "../../parts/Status.tsx"
import type { PageContext } from "../../ViewModels.ts"

const tones: Readonly<Record<CronRunState, Tone>> = {
  running: "info",
  ok: "ok",
  failed: "bad",
  timeout: "bad",
  lost: "warn",
  stopped: "off",
  skipped: "off",
}

/** A person should know of it. */
export const isBad = (state: CronRunState) => tones[state] === "bad" || tones[state] === "warn"

export const RunStatus = ({ page, state }: { page: PageContext; state: CronRunState }) => (
  <Status tone={tones[state]}>{page.t.cron.state[state]}</Status>
)

const minute = 60_000

/** `1.3 s`, `4:05`, `2:00:07` */
export const durationText = (page: PageContext, ms: number) => {
  if (ms < minute) return formatMicros(page.lang, Math.max(0, ms) * 1_000)
  const seconds = Math.floor(ms / 1_000)
  const two = (value: number) => String(value).padStart(2, "0")
  const [hours, rest] = [Math.floor(seconds / 3_600), `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`]
  return hours === 0 ? rest : `${formatNumber(page.lang, hours)}:${rest}`
}

/** How long it took; of a run that goes on, so far. */
export const RunDuration = ({ page, run }: { page: PageContext; run: CronRunView }) => {
  const ms = runMs(run, page.now)
  if (ms === null) return null
  if (run.endedAt !== null) return <>{durationText(page, ms)}</>
  return <span data-since={String(run.startedAt ?? page.now)}>{durationText(page, ms)}</span>
}
