import * as timers from "node:timers"

/** A timer of which the process can be told whether to wait for it (`ref`, `unref`): not all runtimes have those anyway. */
export type Timer = ReturnType<typeof timers.setTimeout>
export const startTimer = (act: () => void, ms: number): Timer => timers.setTimeout(act, ms)
export const stopTimer = (timer: Timer | undefined): void => timers.clearTimeout(timer)

/** A timer may be so early. */
const earlyMs = 20

/**
 * Milliseconds until the host's clock is at a whole multiple of `ms`: processes that look at something each so often wake
 * together, which costs a host that idles less than to wake for each.
 */
export const untilWhole = (ms: number, time = Date.now()): number => {
  const leftMs = ms - (time % ms)
  return leftMs < earlyMs ? leftMs + ms : leftMs
}

/** Waits so many milliseconds, or until the signal is aborted. */
export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener("abort", end)
  })

/** Milliseconds since 1970. */
export const currentMs = (): number => Date.now()

const two = (value: number, digits = 2) => String(value).padStart(digits, "0")

/** `2026-11-26 05:17:51.123`, in the time zone of this host. */
export const localTime = (ms: number): string => {
  const date = new Date(ms)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`
}
