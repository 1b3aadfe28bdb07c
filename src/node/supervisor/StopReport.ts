import type { WorkerRun } from "./WorkerRun.ts"

const toldCalls = 5

const seconds = (ms: number) => `${(Math.max(0, ms) / 1000).toFixed(1)} s`

type Leaver = Pick<WorkerRun, "worker" | "leaving">

/** The calls that a worker has said to be open, for a person: `3 open calls: slow for 2.1 s from 10.0.0.1:4711, …`. */
export const openCallsOf = ({ worker }: Leaver): string | undefined => {
  const report = worker.report()
  if (report === undefined || report.openCallCount === 0) return undefined
  const { openCallCount: count, openCalls } = report
  const told = openCalls
    .slice(0, toldCalls)
    .map((call) => `${call.method} for ${seconds(call.ageMs)} from ${call.remote}`)
  return `${count} open ${count === 1 ? "call" : "calls"}: ${told.join(", ")}${count > told.length ? ", …" : ""}`
}

/**
 * Why a process that was asked to end is still there, for a person: `pid 4711 was asked to end 5.0 s ago and is killed in
 * 27.0 s; it waits for 3 open calls: …`. `now`: by the monotonic clock.
 */
export const leavingText = (run: Leaver, now: number): string => {
  const { leaving, worker } = run
  if (leaving === undefined) return `pid ${worker.pid} is there`
  const open = openCallsOf(run)
  const when = `${seconds(now - leaving.askedAt)} ago and is killed in ${seconds(leaving.killAt - now)}`
  return `pid ${worker.pid} was asked to end ${when}${open === undefined ? "" : `; it waits for ${open}`}`
}
