import { readFileSync } from "node:fs"
import { join } from "node:path"
import { libc } from "./Libc.ts"

const PR_SET_PDEATHSIG = 1
const PR_SET_NAME = 15
const PR_SET_PTRACER = 0x59616d61
const PR_SET_PTRACER_ANY = 0xffffffffffffffffn
const SIGKILL = 9

/** The settings a worker was started with, taken out of the environment so that user code doesn't see them. */
export const takeSetting = (name: string): string | undefined => {
  const value = process.env[name]
  delete process.env[name]
  return value
}

export const setEnv = (name: string, value: string): void => {
  process.env[name] = value
}

/** `title` shows in `ps` (where the runtime can do that), the first 15 bytes of `short` in `top`. */
export const setTitle = async (title: string, short: string): Promise<void> => {
  process.title = title
  const name = new Uint8Array(16)
  name.set(new TextEncoder().encode(short).subarray(0, 15))
  await libc().then(
    (c) => c.prctl(PR_SET_NAME, c.addressOf(name), 0, 0, 0),
    () => -1,
  )
}

/** Whether the kernel ends this process when the one that has started it ends, even while user code computes for ever. */
export const endWithParent = async (ends: boolean): Promise<void> => {
  await libc().then(
    (c) => c.prctl(PR_SET_PDEATHSIG, BigInt(ends ? SIGKILL : 0), 0, 0, 0),
    () => -1,
  )
}

/**
 * Lets processes of the same user copy descriptors of this one where the kernel (yama) lets only those that have started
 * it: after the end of the agent the next one gets the listening socket from here.
 */
export const lendDescriptors = async (): Promise<void> => {
  await libc().then(
    (c) => c.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0),
    () => -1,
  )
}

/**
 * SIGTERM, SIGINT or, when another process listens on the inherited socket by now, SIGUSR2: `first` once, `again` at
 * each further one.
 */
export const onTermination = (first: (isSucceeded: boolean) => void, again: () => void): void => {
  let asked = false
  const listener = (isSucceeded: boolean) => () => {
    if (asked) return again()
    asked = true
    first(isSucceeded)
  }
  process.on("SIGTERM", listener(false))
  process.on("SIGINT", listener(false))
  process.on("SIGUSR2", listener(true))
  // A terminal that goes away is no reason to stop a service.
  process.on("SIGHUP", () => undefined)
}

/** Errors that nobody caught. Without a listener the runtimes differ in what they print. */
export const onUncaught = (listener: (kind: string, error: unknown) => void): void => {
  process.on("uncaughtException", (error) => listener("uncaughtException", error))
  process.on("unhandledRejection", (error) => listener("unhandledRejection", error))
}

/** One line (or a stack) to stdout or stderr. console is synchronous everywhere; nothing is lost at an exit. */
export const logLine = (text: string, stream: "out" | "err"): void => {
  if (stream === "out") console.log(text)
  else console.error(text)
}

export const exit = (code: number): never => process.exit(code)

export const ownPid = (): number => process.pid

export const memoryBytes = (): number => process.memoryUsage.rss()

export const readTls = (folder: string): { key: string; cert: string; ca: string } => ({
  key: readFileSync(join(folder, "key.pem"), "utf8"),
  cert: readFileSync(join(folder, "cert.pem"), "utf8"),
  ca: readFileSync(join(folder, "ca.pem"), "utf8"),
})
