import { CommandLine, commandText } from "../../domain/CommandLine.ts"
import { DateTime, Option, Schema } from "effect"
import { currentMs } from "../../platform/Time.ts"
import * as numbers from "../Numbers.ts"
import type { Run, Task } from "./CronApi.ts"

const decodeCommand = Schema.decodeUnknownOption(CommandLine)

/** `every 5 min`, or the expression with its time zone. */
export const scheduleText = ({ schedule }: Pick<Task, "schedule">): string => {
  if (schedule["kind"] !== "interval") return `${String(schedule["expression"])} ${String(schedule["timeZone"])}`
  return `every ${numbers.duration(Number(schedule["everySeconds"]) * 1_000)}`
}

/** What it does, on one line. */
export const actionText = ({ action }: Pick<Task, "action">): string => {
  if (action["kind"] !== "method")
    return Option.match(decodeCommand(action["command"]), { onNone: () => "", onSome: commandText })
  const args = action["args"] as ReadonlyArray<unknown>
  return `call ${String(action["service"])}.${String(action["method"])}${args.length === 0 ? "" : ` ${JSON.stringify(args)}`}`
}

/** `in 3 min 10 s`, `4.2 s ago` */
export const when = (at: number | null): string => {
  if (at === null) return "-"
  const far = at - currentMs()
  return far < 0 ? `${numbers.duration(-far)} ago` : `in ${numbers.duration(far)}`
}

export const dateText = (at: number) =>
  DateTime.formatIso(DateTime.makeUnsafe(at))
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z")

const placeTexts: Readonly<Record<string, string>> = {
  here: "",
  sending: "is on its way to its node",
  away: "its node is away and has an older version, or none",
  "no-node": "no node with its address has joined",
}

/** Why it is not where it should be; empty: it is. */
export const placeText = ({ place }: Pick<Task, "place">): string => {
  if (place.state === "waiting")
    return place["connected"] === true
      ? `waits for ${String(place["nodeName"])} to end its run`
      : `waits for ${String(place["nodeName"])}, which is away: muster cron edit NAME --anyway moves it all the same`
  if (place.state === "refused") return "its node does not take it: see its page"
  return placeTexts[place.state] ?? place.state
}

export const stateText = (task: Task): string =>
  [
    ...(task.running > 0 ? [task.running === 1 ? "running" : `${task.running} running`] : []),
    ...(task.enabled ? [] : ["disabled"]),
    ...(placeText(task) === "" ? [] : [placeText(task)]),
  ].join(", ") || "waiting"

export const nodeText = ({ node }: Pick<Task, "node">) => node.name ?? node.ip

export const tookText = ({ endedAt, startedAt }: Run): string =>
  startedAt === null ? "-" : numbers.duration((endedAt ?? currentMs()) - startedAt)

export const exitText = ({ exitCode, signal }: Run): string => signal ?? (exitCode === null ? "-" : `${exitCode}`)

export const runRow = (run: Run): ReadonlyArray<string> => [
  run.id,
  run.state,
  dateText(run.startedAt ?? run.dueAt),
  tookText(run),
  exitText(run),
  [run.cause, ...(run.by === null ? [] : [`by ${run.by}`]), ...(run.attempt > 1 ? [`run ${run.attempt}`] : [])].join(
    " ",
  ),
  run.nodeName,
  run.reason ?? "",
]
export const runHead = ["ID", "STATE", "BEGAN", "TOOK", "EXIT", "WHY", "NODE", "REASON"]
