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
/** Some that supervise let a call to a dead process hang. */
const hangsAfterMs = 10
const giveUpMs = 30_000

/**
 * Milliseconds from now until a call is answered, as of a client that tries: the next call is begun two milliseconds after
 * one has failed, or when one hangs. Calls beside one that waits in the queue of a socket would only be load.
 */
export const untilAnswered = (call: () => Promise<void>): Promise<number> => {
  const { promise, reject, resolve } = Promise.withResolvers<number>()
  const from = performance.now()
  let waitsUntil = 0
  const tryOnce = async () => {
    const begun = performance.now()
    if (begun < waitsUntil) return
    waitsUntil = begun + hangsAfterMs
    try {
      await call()
      resolve(performance.now() - from)
    } catch (error) {
      waitsUntil = 0
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
