import { outColumns, writeOut } from "../../platform/Env.ts"
import { sleep } from "../../platform/Time.ts"
import type { StatsSnapshot } from "../../protocol/Stats.ts"
import { command } from "../Command.ts"
import { exitCodes, UsageError } from "../Failure.ts"
import { address, duration, flag, optional, toggle } from "../Flag.ts"
import { type Interruption, interruption, unread } from "../Interruption.ts"
import * as numbers from "../Numbers.ts"
import { dataFlag, jsonFlag } from "../SharedFlags.ts"
import { table } from "../Table.ts"
import { Endpoints } from "./Ask.ts"
import { settingsText } from "./SettingsTable.ts"
import { type EndpointStats, type Look, type MethodRow, methodRows } from "./Figures.ts"

/** Agents hear of their workers once a second: rates over less would jump. */
const everyMs = 2_000

const flags = {
  data: dataFlag,
  node: optional("node", address, "Ask the endpoints of this address only (default: all that are online)"),
  watch: toggle("watch", "Go on until Ctrl-C; rates, errors and times are then of the time between two looks"),
  every: optional("every", duration, "With --watch: the time between two looks (default 2s)"),
  timeout: flag("timeout", duration, "How long an endpoint may take; milliseconds when there is no unit", "2s"),
  settings: toggle("settings", "Show how the workers are run: all limits and times of the process spec"),
  json: jsonFlag,
}

export const statsCommand = command({
  words: ["stats"],
  summary: "show what the workers of a service have counted: calls, errors and times of each method",
  arguments: [{ name: "SERVICE", about: "a service whose endpoint list was pushed to this node", kind: "one" }],
  flags,
  examples: [
    ["muster stats greeter", "all endpoints, since their workers were first started"],
    ["muster stats greeter --watch --node 10.0.0.11", "one of them, as it goes"],
    ["muster stats greeter --settings", "what they are set to, and what differs from the default"],
    ["muster stats greeter --json", "for a script; with --watch a line for each look"],
  ],
  notes: [
    "It asks the endpoints themselves, so it needs no manager. Figures of workers that have left are kept until the service is stopped.",
    "Files: DATA/discovery/SERVICE.json says where the service answers, DATA/tls is this node's certificate.",
    "Exit codes: 0 done, 1 an endpoint did not answer, 2 the command line is wrong, 130 ended by Ctrl-C.",
  ],
  run: async ({ data, every, json, node, settings, timeout, watch }, [service = ""]) => {
    if (settings && watch) throw new UsageError({ message: "--settings and --watch don't go together" })
    if (every !== undefined && !watch) throw new UsageError({ message: "--every is for --watch" })
    const endpoints = await Endpoints.of(service, { data, node, timeout })
    try {
      if (watch) return await goOn(endpoints, { every: every ?? everyMs, json, stop: interruption() })
      const look = await endpoints.look()
      writeOut(json ? lookJson(look, undefined) : settings ? settingsText(look) : lookText(look, undefined))
      return look.endpoints.every((one) => "stats" in one) ? exitCodes.done : exitCodes.failed
    } finally {
      endpoints.close()
    }
  },
})

interface Watching {
  readonly every: number
  readonly json: boolean
  readonly stop: Interruption
}

const goOn = async (endpoints: Endpoints, { every, json, stop }: Watching): Promise<number> => {
  const isTerminal = outColumns() !== undefined
  let before: Look | undefined
  while (!stop.signal.aborted) {
    const look = await endpoints.look()
    if (stop.signal.aborted) break
    const text = json ? lookJson(look, before) : lookText(look, before)
    const shown = json ? text : isTerminal ? inPlace(text) : before === undefined ? text : `\n${text}`
    if (!writeOut(shown)) return unread
    before = look
    await sleep(every, stop.signal)
  }
  return stop.code() ?? exitCodes.done
}

/** Over what was shown before, line by line, so that nothing flickers. */
const inPlace = (text: string) => `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[J`

const lookText = (look: Look, before: Look | undefined): string => {
  const rows = methodRows(look, before)
  const lines = [
    ...table([endpointHead, ...look.endpoints.flatMap((one) => endpointRow(one, look.at))], {
      right: [1, 2, 3, 4, 5, 6, 7, 8],
    }),
    ...look.endpoints.flatMap((one) => ("error" in one ? [`${one.endpoint} has not answered: ${one.error}`] : [])),
    "",
    ...(rows.length === 0
      ? ["No calls yet"]
      : table([methodHead, ...rows.map(methodCells)], { right: [1, 2, 3, 4, 5, 6, 7], width: outColumns() })),
    "",
  ]
  return lines.join("\n")
}

const endpointHead = ["ENDPOINT", "WORKERS", "CONNECTIONS", "CALLS", "RUNNING", "TASKS", "MEMORY", "LAG", "UP"]

const endpointRow = (one: EndpointStats, at: number): ReadonlyArray<ReadonlyArray<string>> => {
  if ("error" in one) return []
  const { stats } = one
  return [
    [
      one.endpoint,
      numbers.count(stats.worker_num),
      numbers.count(stats.connection_num),
      numbers.count(stats.request_count),
      numbers.count(stats.concurrency),
      numbers.count(stats.task_queue_num + stats.tasking_num),
      numbers.bytes(stats.rss_bytes),
      `${stats.loop_lag_ms.toFixed(0)} ms`,
      upOf(stats, at),
    ],
  ]
}

const upOf = ({ start_time }: StatsSnapshot, at: number) =>
  start_time === 0 ? "-" : numbers.duration(Math.max(0, at - start_time))

const methodHead = ["METHOD", "CALLS", "PER S", "RUNNING", "ERRORS", "P50", "P99", "P99.9", "CODES"]

const methodCells = (row: MethodRow): ReadonlyArray<string> => [
  row.name,
  numbers.count(row.calls),
  row.perSecond === undefined ? "-" : numbers.rate(row.perSecond),
  numbers.count(row.running),
  numbers.count(Object.values(row.errors).reduce((sum, count) => sum + count, 0)),
  numbers.micros(row.p50),
  numbers.micros(row.p99),
  numbers.micros(row["p99.9"]),
  Object.entries(row.errors)
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, count]) => `${code} ${numbers.count(count)}`)
    .join(", "),
]

const lookJson = (look: Look, before: Look | undefined): string => {
  const methods = methodRows(look, before).map(({ name, p50, p99, perSecond, "p99.9": p999, ...row }) => [
    name,
    { ...row, perSecond: perSecond ?? null, latencyMs: { p50: ms(p50), p99: ms(p99), "p99.9": ms(p999) } },
  ])
  return `${JSON.stringify({ ...look, methods: Object.fromEntries(methods) as unknown })}\n`
}

const ms = (micros: number | undefined) => (micros === undefined ? null : micros / 1_000)
