import process from "node:process"

type Phase = "running" | "stopping"

let phase: Phase = "running"
let stop: ((signal: string) => void) | undefined
const atOnce: Array<() => void> = []

const numbers: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/**
 * Takes over the signals; to be called before anything slow, as SIGHUP, SIGUSR1 and SIGUSR2 kill a process that doesn't
 * handle them. SIGTERM and SIGINT ask for a stop, a second one ends the process at once. SIGHUP asks for a stop only
 * where a terminal was hung up. Without an `onStop` the process exits with 128 + the signal's number.
 */
export const installSignals = (): void => {
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY
  process.on("SIGTERM", receive)
  process.on("SIGINT", receive)
  process.on("SIGHUP", onTerminal ? receive : ignore)
  process.on("SIGUSR1", ignore)
  process.on("SIGUSR2", ignore)
  // A reader that went away must not end the process; writes to it are lost, as they would be anyway.
  process.stdout.on("error", ignore)
  process.stderr.on("error", ignore)
}

/** What to do at the first SIGTERM or SIGINT; a second one ends the process. */
export const onStop = (handler: (signal: string) => void): void => {
  stop = handler
}

/** What must not outlive a second signal. Runs just before the process ends, and may not wait. */
export const onStopAtOnce = (handler: () => void): void => {
  atOnce.push(handler)
}

const ignore = () => {}

const receive = (signal: string) => {
  if (phase === "stopping" || stop === undefined) {
    for (const handler of atOnce) handler()
    process.exit(128 + (numbers[signal] ?? 0))
  }
  phase = "stopping"
  stop(signal)
}
