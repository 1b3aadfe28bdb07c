import { writeError, writeOut } from "../../platform/Env.ts"
import { ask } from "../Api.ts"
import { type Command, command } from "../Command.ts"
import { exitCodes, UsageError } from "../Failure.ts"
import { optional, text, toggle } from "../Flag.ts"
import { dataFlag, jsonFlag, pageFlag } from "../SharedFlags.ts"
import { askOf, pathOf, Task } from "./CronApi.ts"
import { codes, files } from "./CronCommands.ts"
import { bodyOf, taskFlags } from "./CronFlags.ts"
import * as texts from "./CronTexts.ts"

const common = { url: pageFlag, data: dataFlag, json: jsonFlag }

const tell = (task: Task, json: boolean, done: string) => {
  if (json) writeOut(`${JSON.stringify(task)}\n`)
  else {
    const next = task.nextAt === null ? "" : `, next ${texts.when(task.nextAt)}`
    writeOut(`${task.name} ${done}: ${texts.scheduleText(task)} on ${texts.nodeText(task)}${next}\n`)
  }
  const place = task.place.state === "sending" ? "" : texts.placeText(task)
  if (place !== "") writeError(`muster: ${task.name} ${place}\n`)
  const lacks = task["lacks"] as { readonly what: string; readonly service: string } | null | undefined
  if (lacks?.what === "service") writeError(`muster: there is no service ${lacks.service}\n`)
  if (lacks?.what === "client")
    writeError(`muster: ${texts.nodeText(task)} is no client of ${lacks.service}, so that its calls will fail\n`)
  return exitCodes.done
}

const addCommand = command({
  words: ["cron", "add"],
  summary: "add a cron task",
  arguments: [{ name: "NAME", about: "what it is called: letters, digits, dots, dashes, underscores", kind: "one" }],
  flags: { ...taskFlags, ...common },
  examples: [
    [`muster cron add clean --node web-01 --every 10m --command "/usr/bin/find /tmp -name 'x*' -delete"`, "a program"],
    [
      `muster cron add report --node web-01 --cron "30 3 * * 1-5" --tz Asia/Shanghai --shell "cd /srv && ./report | gzip > r.gz"`,
      "a shell line, at 3:30 from Monday to Friday",
    ],
    [
      `muster cron add expire --node web-01 --every 1m --call orders.Orders.expire --args '["2026", 7]'`,
      "a method of a service",
    ],
  ],
  notes: [files, codes],
  run: async ({ data, json, url, ...values }, [name = ""]) => {
    const body = bodyOf(values, {})
    for (const [field, flags] of [
      ["node", "--node"],
      ["schedule", "--every or --cron"],
      ["action", "--command, --shell or --call"],
    ] as const)
      if (body[field] === undefined)
        throw new UsageError({ message: `${flags} is missing; muster cron add --help tells more` })
    const task = await ask(
      Task,
      { method: "POST", path: "/cron", body: { name, ...body, enabled: !values.disabled } },
      { url, dataDir: data },
    )
    return tell(task, json, "is added")
  },
})

const editCommand = command({
  words: ["cron", "edit"],
  summary: "change a cron task; what is left out stays as it is",
  arguments: [{ name: "NAME", about: "the name or the id of the task, as muster cron lists it", kind: "one" }],
  flags: {
    rename: optional("rename", text("NAME"), "Call it so from now on"),
    anyway: toggle(
      "anyway",
      "Move it though the node that had it before is away, and may go on running it until it is back",
    ),
    ...taskFlags,
    ...common,
  },
  examples: [
    ["muster cron edit report --cron '0 4 * * *'", "at another time"],
    ["muster cron edit report --node web-02", "on another node: the former one ends its run first"],
    ["muster cron edit report --node web-02 --anyway", "the same when the former node is switched off"],
  ],
  notes: [files, codes],
  run: async ({ anyway, data, json, rename, url, ...values }, [name = ""]) => {
    const options = { url, dataDir: data }
    const before = await askOf(Task, name, { method: "GET", path: pathOf(name) }, options)
    const body = {
      ...bodyOf(values, before),
      ...(rename === undefined ? {} : { name: rename }),
      ...(values.disabled ? { enabled: false } : {}),
    }
    const isNothing = Object.keys(body).length === 0
    if (isNothing && !anyway)
      throw new UsageError({ message: "Nothing to change: give some flags; muster cron edit --help lists them" })
    const path = pathOf(before.id)
    const changed = isNothing ? before : await ask(Task, { method: "PUT", path, body }, options)
    const task = anyway ? await ask(Task, { method: "POST", path: `${path}/release`, body: {} }, options) : changed
    return tell(task, json, "is changed")
  },
})

/** What makes cron tasks, and changes them. */
export const cronEditCommands: ReadonlyArray<Command> = [addCommand, editCommand]
