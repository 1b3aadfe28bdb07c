import { DateTime, Option, Schema } from "effect"
import { writeOut } from "../../platform/Env.ts"
import { ask } from "../Api.ts"
import { command } from "../Command.ts"
import { exitCodes, UsageError } from "../Failure.ts"
import { flag, whole } from "../Flag.ts"
import { dataFlag, jsonFlag, pageFlag } from "../SharedFlags.ts"
import { writeTable } from "../Table.ts"
import { askOf, pathOf, Task } from "./CronApi.ts"
import { codes, files } from "./CronCommands.ts"
import { scheduleOf, taskFlags } from "./CronFlags.ts"
import * as texts from "./CronTexts.ts"

const Times = Schema.Struct({ times: Schema.Array(Schema.Int) })

const isZone = Schema.is(Schema.String)

/** `2026-11-28 03:30:00 +08:00`, in the zone of the schedule; undefined: it has none, or UTC. */
const zoned = (at: number, zone: unknown): string | undefined => {
  if (!isZone(zone) || zone === "UTC") return undefined
  const there = DateTime.makeZoned(at, { timeZone: zone })
  return Option.getOrUndefined(
    Option.map(there, (time) =>
      DateTime.formatIsoOffset(time)
        .replace("T", " ")
        .replace(/\.\d+/, "")
        .replace(/([+-]\d\d:\d\d)$/, " $1"),
    ),
  )
}

export const previewCommand = command({
  words: ["cron", "preview"],
  summary: "show when a schedule runs next; nothing is changed",
  arguments: [{ name: "NAME", about: "the task whose schedule it is, unless --cron or --every says it", kind: "rest" }],
  flags: {
    every: taskFlags.every,
    cron: taskFlags.cron,
    tz: taskFlags.tz,
    count: flag("count", whole("N", 1, 100), "So many runs", "10"),
    url: pageFlag,
    data: dataFlag,
    json: jsonFlag,
  },
  examples: [
    ["muster cron preview nightly-report", "the next ten runs of a task"],
    ["muster cron preview nightly-report --tz Europe/Berlin", "the same if it ran by another time zone"],
    ["muster cron preview --cron '30 3 * * 1-5' --tz Asia/Shanghai --count 3", "of an expression"],
  ],
  notes: [files, codes],
  run: async ({ count, data, json, url, ...values }, [name, ...others]) => {
    if (others.length > 0) throw new UsageError({ message: "muster cron preview takes one NAME" })
    const options = { url, dataDir: data }
    const known =
      name === undefined
        ? undefined
        : (await askOf(Task, name, { method: "GET", path: pathOf(name) }, options)).schedule
    const schedule = scheduleOf(values, known ?? {}) ?? known
    if (schedule === undefined)
      throw new UsageError({ message: "NAME, --cron or --every is missing; muster cron preview --help tells more" })
    const call = { method: "POST", path: "/cron/preview", body: { schedule, count } } as const
    const { times } = await ask(Times, call, options)
    if (json) writeOut(`${JSON.stringify({ schedule, times })}\n`)
    else {
      writeOut(`${texts.scheduleText({ schedule })}\n`)
      const rows = times.map((at) => [texts.when(at), texts.dateText(at), zoned(at, schedule["timeZone"]) ?? ""])
      const hasZone = rows.some(([, , there]) => there !== "")
      writeTable(
        hasZone ? ["IN", "UTC", "THERE"] : ["IN", "UTC"],
        hasZone ? rows : rows.map((row) => row.slice(0, 2)),
        { none: "It never runs" },
      )
    }
    return exitCodes.done
  },
})
