import { onStop } from "../platform/Signals.ts"

/** What Ctrl-C, or another signal that asks for a stop, does to a command that was told to wait. */
export interface Interruption {
  /** Aborted by the first signal; a second one ends the process at once. */
  readonly signal: AbortSignal
  /** 128 + the signal's number, as shells have it; undefined: there was none. */
  readonly code: () => number | undefined
}

const numbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

export const interruption = (): Interruption => {
  const controller = new AbortController()
  let code: number | undefined
  onStop((signal) => {
    code = 128 + (numbers[signal] ?? 0)
    controller.abort()
  })
  return { signal: controller.signal, code: () => code }
}

/** The exit code when stdout has no reader any more, as of a program that SIGPIPE ends. */
export const unread = 141
