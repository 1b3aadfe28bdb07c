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

/**
 * Milliseconds from now until a call is answered. One is begun every two milliseconds, whatever became of those before: some
 * that supervise let calls to a dead process hang.
 */
export const untilAnswered = (call: () => Promise<void>): Promise<number> =>
  new Promise((resolve, reject) => {
    const from = performance.now()
    const timer = setInterval(() => {
      if (performance.now() - from > 30_000) {
        clearInterval(timer)
        reject(new Error("nothing answers"))
      }
      call().then(
        () => {
          clearInterval(timer)
          resolve(performance.now() - from)
        },
        () => undefined,
      )
    }, tryEveryMs)
  })

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
