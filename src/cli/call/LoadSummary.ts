import { count, duration, micros, rate } from "../Numbers.ts"
import { table, type TableOptions } from "../Table.ts"
import type { LoadFigures } from "./Load.ts"

export interface LoadTold {
  readonly service: string
  readonly method: string
  readonly concurrency: number
  /** Calls that were answered by each endpoint. */
  readonly endpoints: ReadonlyArray<readonly [endpoint: string, calls: number]>
  readonly width: number | undefined
}

/** For a person: what the calls came to, and how long they took. */
export const loadText = (
  figures: LoadFigures,
  { concurrency, endpoints, method, service, width }: LoadTold,
): string => {
  const { calls, callsPerSecond, errors, failed, latency, ok, tookMs } = figures
  const head = `${service} ${method}: ${count(calls)} ${calls === 1 ? "call" : "calls"} in ${duration(tookMs)}, ${concurrency} at once, ${rate(callsPerSecond)} calls/s`
  const blocks = [
    block(
      undefined,
      [
        ["ok", count(ok)],
        ["failed", count(failed)],
      ],
      { right: [1] },
    ),
    block(
      failed === 0 ? "latency" : "latency of those that were ok",
      Object.entries(latency ?? {}).map(([name, value]) => [name, micros(value)]),
      { right: [1] },
    ),
    block(
      "errors",
      [...errors].map(([code, error]) => [code, count(error.count), error.message]),
      { right: [1], width: width === undefined ? undefined : width - 2 },
    ),
    block("endpoints", sharesOf(endpoints), { right: [1, 2] }),
  ]
  return `${[head, ...blocks.filter((text) => text !== "")].join("\n\n")}\n`
}

/** For a program: one line. Times in milliseconds. */
export const loadJson = (figures: LoadFigures, { concurrency, endpoints, method, service }: LoadTold): string => {
  const { calls, callsPerSecond, errors, failed, latency, ok, tookMs } = figures
  return `${JSON.stringify({
    service,
    method,
    calls,
    ok,
    failed,
    errors: Object.fromEntries([...errors].map(([code, error]) => [code, error.count])),
    messages: Object.fromEntries([...errors].map(([code, error]) => [code, error.message])),
    concurrency,
    tookMs: rounded(tookMs),
    callsPerSecond: rounded(callsPerSecond),
    latencyMs:
      latency === undefined
        ? null
        : Object.fromEntries(Object.entries(latency).map(([name, value]) => [name, rounded(value / 1_000)])),
    endpoints: Object.fromEntries(endpoints),
  })}\n`
}

/** While it runs. */
export const loadProgress = (figures: LoadFigures, repeat: number): string => {
  const { calls, callsPerSecond, failed } = figures
  const leftMs = callsPerSecond === 0 ? 0 : ((repeat - calls) * 1_000) / callsPerSecond
  const errors = failed === 0 ? "" : `, ${count(failed)} failed`
  return `${count(calls)} of ${count(repeat)} calls${errors}, ${rate(callsPerSecond)} calls/s, ${duration(leftMs)} left`
}

const rounded = (value: number) => Math.round(value * 1_000) / 1_000

/** One endpoint has no share to tell. */
const sharesOf = (endpoints: LoadTold["endpoints"]) => {
  const all = endpoints.reduce((sum, [, calls]) => sum + calls, 0)
  if (endpoints.length < 2 || all === 0) return []
  return endpoints.map(([name, calls]) => [name, count(calls), `${((100 * calls) / all).toFixed(1)} %`])
}

const block = (title: string | undefined, rows: ReadonlyArray<ReadonlyArray<string>>, options: TableOptions) =>
  rows.length === 0
    ? ""
    : [...(title === undefined ? [] : [title]), ...table(rows, options).map((line) => `  ${line}`)].join("\n")
