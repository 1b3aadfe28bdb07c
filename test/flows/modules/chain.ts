import { appendFileSync } from "node:fs"
import { context } from "muster/service"

const following: Readonly<Record<string, string>> = { first: "second", second: "third" }

interface Hop {
  readonly service: string
  readonly leftMs: number
  readonly traceId: string
}

/** Each hop works for `workMs` and calls the next; answers what each of them knew when it began. */
export const through = async (workMs: number): Promise<ReadonlyArray<Hop>> => {
  const ctx = context()
  const own = { service: ctx.service, leftMs: ctx.remainingMs(), traceId: ctx.trace.traceId }
  await new Promise((resolve) => setTimeout(resolve, workMs))
  const next = following[ctx.service]
  return next === undefined ? [own] : [own, ...(await ctx.call<ReadonlyArray<Hop>>(next, "through", workMs))]
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** The last hop works until it is told to stop, and writes to `file` when it began and when it stopped. */
export const endless = async (file: string): Promise<null> => {
  const ctx = context()
  const next = following[ctx.service]
  if (next !== undefined) return await ctx.call<null>(next, "endless", file)
  const { signal } = ctx
  appendFileSync(file, `began ${nowMs()}\n`)
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
  appendFileSync(file, `stopped ${nowMs()}\n`)
  return null
}
