import { Schema } from "effect"
import { writeError, writeOut } from "../../platform/Env.ts"
import { ask } from "../Api.ts"
import { type Command, command } from "../Command.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import { flag, optional, text, whole } from "../Flag.ts"
import { dataFlag, jsonFlag, pageFlag } from "../SharedFlags.ts"
import { table, writeTable } from "../Table.ts"
import { askOf, Output, pathOf, Runs, Task, Tasks } from "./CronApi.ts"
import * as texts from "./CronTexts.ts"

const named = { name: "NAME", about: "the name or the id of the task, as muster cron lists it", kind: "one" } as const
const common = { url: pageFlag, data: dataFlag, json: jsonFlag }
export const files = "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS."
export const codes =
  "Exit codes: 0 done, 1 the manager or a node refused or did not answer, 2 the command line is wrong."
const notes = [files, codes]

const several = [named, { name: "NAME", about: "more of them, each with a result of its own", kind: "rest" }] as const
const severalNotes = [
  "Of several, one that fails is told with its reason, and does not stop the others. --json prints a line for each.",
  ...notes,
]

/** Prints what came of each. Without the manager's answer the others are not tried either. */
const forEach = async (names: ReadonlyArray<string>, act: (name: string) => Promise<string>): Promise<number> => {
  let failed = 0
  for (const name of names) {
    try {
      writeOut(`${await act(name)}\n`)
    } catch (error) {
      if (names.length === 1 || !(error instanceof CommandFailed) || error.data === undefined) throw error
      writeError(`muster: ${name}: ${error.message}\n`)
      failed++
    }
  }
  if (failed > 0) writeError(`muster: ${failed} of ${names.length} failed\n`)
  return failed === 0 ? exitCodes.done : exitCodes.failed
}

const listCommand = command({
  words: ["cron"],
  summary: "list the cron tasks, when they run next and how they ran last",
  arguments: [],
  flags: common,
  examples: [
    ["muster cron", "each task with its node, its schedule, its last and its next run"],
    ["muster cron --json", "for a script"],
  ],
  notes,
  run: async ({ data, json, url }) => {
    const tasks = await ask(Tasks, { method: "GET", path: "/cron" }, { url, dataDir: data })
    if (json) writeOut(`${JSON.stringify(tasks)}\n`)
    else
      writeTable(
        ["NAME", "NODE", "SCHEDULE", "LAST", "NEXT", "STATE"],
        tasks.map((task) => [
          task.name,
          texts.nodeText(task),
          texts.scheduleText(task),
          task.last === null ? "never" : `${task.last.state} ${texts.when(task.last.startedAt ?? task.last.dueAt)}`,
          texts.when(task.nextAt),
          texts.stateText(task),
        ]),
        { none: "There are no cron tasks: muster cron add makes one" },
      )
    return exitCodes.done
  },
})

const showCommand = command({
  words: ["cron", "show"],
  summary: "show a cron task and its last runs",
  arguments: [named],
  flags: common,
  examples: [["muster cron show nightly-report", "what it does, where and when, and how it went"]],
  notes,
  run: async ({ data, json, url }, [name = ""]) => {
    const options = { url, dataDir: data }
    const task = await askOf(Task, name, { method: "GET", path: pathOf(name) }, options)
    if (json) {
      writeOut(`${JSON.stringify(task)}\n`)
      return exitCodes.done
    }
    const { runs, total } = await ask(Runs, { method: "GET", path: `${pathOf(name)}/runs?limit=5` }, options)
    const facts = [
      ["name", task.name],
      ["does", texts.actionText(task)],
      ["node", `${texts.nodeText(task)} (${task.node.ip})`],
      ["schedule", texts.scheduleText(task)],
      ["next", task.nextAt === null ? "-" : `${texts.when(task.nextAt)}, ${texts.dateText(task.nextAt)}`],
      ["state", texts.stateText(task)],
      ["id", task.id],
    ]
    writeOut(`${table(facts).join("\n")}\n\n`)
    writeTable(texts.runHead, runs.map(texts.runRow), { none: "It has not run yet" })
    if (total > runs.length) writeOut(`and more: muster cron runs ${task.name} lists them\n`)
    return exitCodes.done
  },
})

const runsCommand = command({
  words: ["cron", "runs"],
  summary: "list the runs of a cron task, the newest first",
  arguments: [named],
  flags: {
    limit: flag("limit", whole("N", 1, 1_000), "At most so many", "50"),
    before: optional("before", text("ID"), "Those that are older than this one"),
    ...common,
  },
  examples: [["muster cron runs nightly-report --limit 10", "the last ten"]],
  notes,
  run: async ({ before, data, json, limit, url }, [name = ""]) => {
    const query = new URLSearchParams({ limit: `${limit}`, ...(before === undefined ? {} : { before }) })
    const call = { method: "GET", path: `${pathOf(name)}/runs?${query}` } as const
    const page = await askOf(Runs, name, call, { url, dataDir: data })
    if (json) writeOut(`${JSON.stringify(page)}\n`)
    else {
      writeTable(texts.runHead, page.runs.map(texts.runRow), { none: "There are no runs" })
      const last = page.runs.at(-1)
      if (page.more && last !== undefined) writeOut(`and older ones: --before ${last.id}\n`)
    }
    return exitCodes.done
  },
})

const outputCommand = command({
  words: ["cron", "output"],
  summary: "print what a run of a cron task has printed: the first and the last 64 KiB",
  arguments: [named],
  flags: { run: optional("run-id", text("ID"), "Of this run (default: the last one that began)"), ...common },
  examples: [
    ["muster cron output nightly-report", "of the last run"],
    ["muster cron output nightly-report --run-id 01M9ZK3TQ8", "of another one"],
  ],
  notes: ["The node keeps the output: it can be read while the node can be reached.", ...notes],
  run: async ({ data, json, run, url }, [name = ""]) => {
    const options = { url, dataDir: data }
    const page = await askOf(Runs, name, { method: "GET", path: `${pathOf(name)}/runs?limit=50` }, options)
    const id = run ?? page.runs.find(({ startedAt }) => startedAt !== null)?.id
    if (id === undefined) throw new CommandFailed({ message: `${name} has not run yet` })
    const path = `${pathOf(name)}/runs/${encodeURIComponent(id)}/output`
    const { head, omitted, tail } = await ask(Output, { method: "GET", path }, options)
    if (json) writeOut(`${JSON.stringify({ run: id, head, tail, omitted })}\n`)
    else {
      writeOut(head)
      if (omitted > 0) writeError(`\nmuster: ${omitted} bytes between were not kept\n`)
      writeOut(tail)
    }
    return exitCodes.done
  },
})

const Started = Schema.Struct({ runId: Schema.String })

const startCommand = command({
  words: ["cron", "start"],
  summary: "run cron tasks now, by their overlap policies",
  arguments: several,
  flags: common,
  examples: [["muster cron start nightly-report", "once, whatever its schedule says"]],
  notes: severalNotes,
  run: ({ data, json, url }, names) =>
    forEach(names, async (name) => {
      const call = { method: "POST", path: `${pathOf(name)}/start`, body: {} } as const
      const started = await askOf(Started, name, call, { url, dataDir: data })
      return json ? JSON.stringify(started) : `${name} runs: ${started.runId}`
    }),
})

const stopWaitMs = 45_000

const stopCommand = command({
  words: ["cron", "stop"],
  summary: "end what runs of a cron task; its schedule stays",
  arguments: [named],
  flags: { run: optional("run-id", text("ID"), "This run only (default: all that run)"), ...common },
  examples: [["muster cron stop nightly-report", "ends all its processes, and waits for that"]],
  notes,
  run: async ({ data, json, run, url }, [name = ""]) => {
    const options = { url, dataDir: data, timeoutMs: stopWaitMs }
    const page = await askOf(Runs, name, { method: "GET", path: `${pathOf(name)}/runs?limit=1` }, options)
    const ids = run === undefined ? page.runs.filter(({ state }) => state === "running").map(({ id }) => id) : [run]
    if (ids.length === 0) throw new CommandFailed({ message: `${name} does not run` })
    const stopped: Array<unknown> = []
    for (const id of ids) {
      const path = `${pathOf(name)}/runs/${encodeURIComponent(id)}/stop`
      stopped.push(await ask(Schema.Unknown, { method: "POST", path, body: {} }, options))
      if (!json) writeOut(`${id} was stopped\n`)
    }
    if (json) writeOut(`${JSON.stringify({ runs: stopped })}\n`)
    return exitCodes.done
  },
})

const switchCommand = (verb: "enable" | "disable", summary: string, done: string) =>
  command({
    words: ["cron", verb],
    summary,
    arguments: several,
    flags: common,
    examples: [
      [`muster cron ${verb} nightly-report`, done],
      [`muster cron ${verb} nightly-report clean`, "two of them"],
    ],
    notes: severalNotes,
    run: ({ data, json, url }, names) =>
      forEach(names, async (name) => {
        const call = { method: "PUT", path: pathOf(name), body: { enabled: verb === "enable" } } as const
        const task = await askOf(Task, name, call, { url, dataDir: data })
        return json ? JSON.stringify(task) : `${task.name} ${done}`
      }),
  })

const removeCommand = command({
  words: ["cron", "remove"],
  summary: "delete cron tasks; what runs of them is ended",
  arguments: several,
  flags: common,
  examples: [["muster cron remove nightly-report", "prints how to get it back within a day"]],
  notes: severalNotes,
  run: ({ data, json, url }, names) =>
    forEach(names, async (name) => {
      const options = { url, dataDir: data }
      const { id, name: deleted } = await askOf(Task, name, { method: "GET", path: pathOf(name) }, options)
      await ask(Schema.Unknown, { method: "DELETE", path: pathOf(id) }, options)
      if (json) return JSON.stringify({ deleted, id })
      return `${deleted} is deleted; within a day this brings it back: muster cron restore ${id}`
    }),
})

const restoreCommand = command({
  words: ["cron", "restore"],
  summary: "bring back cron tasks that were deleted less than a day ago, with their history",
  arguments: [
    { name: "ID", about: "the id of the task, as muster cron remove printed it", kind: "one" },
    { name: "ID", about: "more of them", kind: "rest" },
  ],
  flags: common,
  examples: [["muster cron restore 01KB3V7Z5M6Y8Q2D4F9T1XWJ0C", "it runs by its schedule again"]],
  notes: severalNotes,
  run: ({ data, json, url }, ids) =>
    forEach(ids, async (id) => {
      const call = { method: "POST", path: `${pathOf(id)}/restore`, body: {} } as const
      const task = await ask(Task, call, { url, dataDir: data })
      return json ? JSON.stringify(task) : `${task.name} is back`
    }),
})

/** What is asked of cron tasks that are there. */
export const cronCommands: ReadonlyArray<Command> = [
  listCommand,
  showCommand,
  runsCommand,
  outputCommand,
  startCommand,
  stopCommand,
  switchCommand("enable", "let cron tasks run by their schedules", "runs by its schedule"),
  switchCommand("disable", "let cron tasks run by hand only", "runs by hand only"),
  removeCommand,
  restoreCommand,
]
