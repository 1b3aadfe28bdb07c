import { closeSync, openSync } from "node:fs"
import process from "node:process"

/** `leaving`: what it has started goes on without it. */
type Phase = "running" | "stopping" | "leaving"

let phase: Phase = "running"
let stop: ((signal: string) => void) | undefined
let leave: ((signal: string) => void) | undefined
let upgrade: (() => void) | undefined
let hadTerminal = false
const atOnce: Array<() => void> = []

const numbers: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 }

/**
 * Takes over the signals; to be called before anything slow, as SIGHUP, SIGUSR1 and SIGUSR2 kill a process that doesn't
 * handle them. SIGTERM and SIGINT ask for a stop, a second one ends the process at once; so does SIGHUP where a terminal
 * was hung up, else it asks for an upgrade. SIGQUIT asks for an end of this process alone. Without an `onStop` the process
 * exits with 128 + the signal's number.
 */
export const installSignals = (): void => {
  hadTerminal = process.stdin.isTTY || process.stdout.isTTY
  process.on("SIGTERM", receive)
  process.on("SIGINT", receive)
  process.on("SIGHUP", hangUp)
  process.on("SIGQUIT", quit)
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

/** What to do at SIGQUIT; without it that is as SIGTERM. */
export const onLeave = (handler: (signal: string) => void): void => {
  leave = handler
}

/** What to do at SIGHUP; without it nothing is done. */
export const onUpgrade = (handler: () => void): void => {
  upgrade = handler
}

/** It was asked to end already, in whatever way. */
export const isStopping = (): boolean => phase !== "running"

/** What must not outlive a second signal. Runs just before the process ends, and may not wait. */
export const onStopAtOnce = (handler: () => void): void => {
  atOnce.push(handler)
}

const ignore = () => {}

const isHungUp = () => {
  if (!hadTerminal) return false
  try {
    closeSync(openSync("/dev/tty", "r"))
    return false
  } catch {
    return true
  }
}

const hangUp = (signal: string) => {
  if (isHungUp()) receive(signal)
  else if (phase === "running") upgrade?.()
}

const quit = (signal: string) => {
  if (leave === undefined) return receive(signal)
  if (phase === "stopping") return
  if (phase === "leaving") process.exit(0)
  phase = "leaving"
  leave(signal)
}

const receive = (signal: string) => {
  if (phase === "leaving") process.exit(128 + (numbers[signal] ?? 0))
  if (phase === "stopping" || stop === undefined) {
    for (const handler of atOnce) handler()
    process.exit(128 + (numbers[signal] ?? 0))
  }
  phase = "stopping"
  stop(signal)
}
