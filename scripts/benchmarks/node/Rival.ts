import { connect } from "node:net"

/** One that keeps programs running: Muster, or what it is compared with. */
export interface Rival {
  readonly name: string
  /** The pid of what supervises. */
  readonly daemon: number
  /** A program that it knows and does not run. `instances` processes of it share one port. */
  add(program: string, port: number, instances: number): Promise<void>
  start(program: string): Promise<void>
  stop(program: string): Promise<void>
  /** The pids of its processes that run. */
  pids(program: string): Promise<ReadonlyArray<number>>
  /** One call by a new connection; rejects when it is not answered. */
  call(port: number): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Sends a line, and waits for it to come back. */
export const echo = (host: string, port: number) =>
  new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write("hello\n"))
    const end = (error?: Error) => {
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    socket.once("data", () => end())
    socket.once("error", end)
    socket.once("close", () => end(new Error("closed")))
    socket.setTimeout(10_000, () => end(new Error("no answer")))
  })

const tryEveryMs = 2
const giveUpMs = 30_000

/**
 * Milliseconds from now until a call is answered. One is begun every two milliseconds, whatever became of those before: some
 * that supervise let calls to a dead process hang.
 */
export const untilAnswered = (call: () => Promise<void>): Promise<number> => {
  const { promise, reject, resolve } = Promise.withResolvers<number>()
  const from = performance.now()
  const tryOnce = async () => {
    try {
      await call()
      resolve(performance.now() - from)
    } catch (error) {
      if (performance.now() - from > giveUpMs) reject(error)
    }
  }
  const timer = setInterval(() => void tryOnce(), tryEveryMs)
  return promise.finally(() => clearInterval(timer))
}

/** Waits until the program has so many processes. */
export const untilRunning = async (rival: Rival, program: string, instances: number) => {
  const from = performance.now()
  for (;;) {
    const pids = await rival.pids(program)
    if (pids.length === instances) return pids
    if (performance.now() - from > 60_000) throw new Error(`${rival.name}: ${pids.length} of ${instances} ${program}`)
    await sleep(50)
  }
}
