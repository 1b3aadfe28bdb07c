import { Schema } from "effect"
import { writeError, writeOut } from "../platform/Env.ts"
import { currentMs } from "../platform/Time.ts"
import { TaskPage, type TaskView } from "../protocol/NodeManager.ts"
import { ask } from "./Api.ts"
import { command } from "./Command.ts"
import { exitCodes, UsageError } from "./Failure.ts"
import { choice, flag, optional, text, toggle, whole } from "./Flag.ts"
import * as numbers from "./Numbers.ts"
import { oneLine } from "./OneLine.ts"
import { dataFlag, jsonFlag, pageFlag } from "./SharedFlags.ts"
import { writeTable } from "./Table.ts"

const service = { name: "SERVICE", about: "the name of the service", kind: "one" } as const
const nodeFlag = optional("node", text("NODE"), "On this node only, by its name, address or id (default: on all)")
const files = "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS."
const codes =
  "Exit codes: 0 done, 1 a node was not reached, or the manager refused or did not answer, 2 the command line is wrong."
const payloadMax = 60

const whose = { nodeId: Schema.String, nodeName: Schema.String, name: Schema.String }
const Silent = Schema.Struct({ ...whose, message: Schema.String })
const Pages = Schema.Struct({
  nodes: Schema.Array(Schema.Struct({ ...TaskPage.fields, ...whose })),
  /** Nodes that could not be asked. */
  silent: Schema.Array(Silent),
})
type Pages = typeof Pages.Type

export const tasksCommand = command({
  words: ["tasks"],
  summary: "list the queued work of a service: dead letters, or what waits or runs",
  arguments: [service],
  flags: {
    state: flag("state", choice("dead", "waiting", "running"), "Which tasks to list", "dead"),
    limit: flag("limit", whole("N", 1, 1_000), "At most so many of each node", "100"),
    node: nodeFlag,
    url: pageFlag,
    data: dataFlag,
    json: jsonFlag,
  },
  examples: [
    ["muster tasks greeter", "how many there are, and the dead letters with their reasons"],
    ["muster tasks greeter --state waiting --node web-01", "what waits on one node"],
  ],
  notes: [
    "A task that failed in all of its attempts is a dead letter: it stays until muster tasks requeue or muster tasks discard.",
    files,
    codes,
  ],
  run: async ({ data, json, limit, node, state, url }, [name = ""]) => {
    const query = new URLSearchParams({ state, limit: `${limit}`, ...(node === undefined ? {} : { node }) })
    const pages = await ask(
      Pages,
      { method: "GET", path: `/services/${encodeURIComponent(name)}/tasks?${query}` },
      { url, dataDir: data },
    )
    if (json) writeOut(`${JSON.stringify(pages)}\n`)
    else writePages(name, state, pages)
    return pages.silent.length === 0 ? exitCodes.done : exitCodes.failed
  },
})

const writePages = (service: string, state: TaskView["state"], { nodes, silent }: Pages) => {
  writeTable(
    ["NODE", "PROCESS", "WAITING", "RUNNING", "DEAD"],
    nodes.map(({ counts, name, nodeName }) => [
      nodeName,
      name,
      ...[counts.waiting, counts.running, counts.dead].map(numbers.count),
    ]),
    { right: [2, 3, 4], none: silent.length === 0 ? `${service} runs on no node, so it has no tasks` : "No counts" },
  )
  const now = currentMs()
  const rows = nodes.flatMap(({ nodeName, tasks }) => tasks.map((task) => [nodeName, ...rowOf(task, now)]))
  if (rows.length > 0) {
    writeOut("\n")
    writeTable(["NODE", "ID", "TASK", "ATTEMPTS", "QUEUED", "NEXT", "PAYLOAD", "ERROR"], rows)
  }
  const more = nodes.reduce((sum, { counts, tasks }) => sum + Math.max(0, counts[state] - tasks.length), 0)
  if (more > 0) writeOut(`and ${numbers.count(more)} more: --limit N shows up to 1,000 of each node\n`)
  writeSilent(silent)
}

const writeSilent = (silent: Pages["silent"]) => {
  for (const { message, name, nodeName } of silent)
    writeError(`muster: ${oneLine(`${nodeName} (${name}): ${message}`)}\n`)
}

const rowOf = (task: TaskView, now: number): ReadonlyArray<string> => [
  task.id,
  task.task,
  `${task.attempts} of ${task.attemptsMax}`,
  `${numbers.duration(Math.max(0, now - task.queuedAt))} ago`,
  task.dueAt === null ? "-" : task.dueAt <= now ? "now" : `in ${numbers.duration(task.dueAt - now)}`,
  task.payload.length > payloadMax ? `${task.payload.slice(0, payloadMax)}…` : task.payload,
  task.error ?? "",
]

const Changed = Schema.Struct({ changed: Schema.Int, failed: Schema.Array(Silent) })

interface ChangeTexts {
  readonly verb: "requeue" | "discard"
  readonly summary: string
  readonly all: string
  readonly example: string
  /** After the count. */
  readonly done: string
}

const changeCommand = ({ all, done, example, summary, verb }: ChangeTexts) =>
  command({
    words: ["tasks", verb],
    summary,
    arguments: [service, { name: "ID", about: "as muster tasks SERVICE lists it", kind: "rest" }],
    flags: { all: toggle("all", all), node: nodeFlag, url: pageFlag, data: dataFlag, json: jsonFlag },
    examples: [
      [`muster tasks ${verb} greeter 01M9ZK3TQ8`, "one of them"],
      [`muster tasks ${verb} greeter --all`, example],
    ],
    notes: [
      files,
      "Exit codes: 0 done, 1 an ID is of no dead letter, a node was not reached, or the manager refused, 2 the command line is wrong.",
    ],
    run: async (values, [name = "", ...ids]) => {
      if (values.all === ids.length > 0) {
        const problem = values.all ? "--all and an ID exclude each other" : "ID is missing: give some, or --all"
        throw new UsageError({ message: `${problem}; muster tasks ${name} lists the dead letters` })
      }
      const { data, json, node, url } = values
      const { changed, failed } = await ask(
        Changed,
        {
          method: "POST",
          path: `/services/${encodeURIComponent(name)}/tasks/${verb}`,
          body: { ids: values.all ? "all" : [...new Set(ids)], ...(node === undefined ? {} : { node }) },
        },
        { url, dataDir: data },
      )
      const isWhole = values.all || changed >= new Set(ids).size
      if (json) writeOut(`${JSON.stringify({ changed, failed })}\n`)
      else {
        const strange = isWhole || failed.length > 0 ? 0 : new Set(ids).size - changed
        const missing =
          strange === 0
            ? ""
            : `; ${strange} of the named ${strange === 1 ? "is no dead letter" : "are no dead letters"}`
        writeOut(`${numbers.count(changed)} ${changed === 1 ? "task" : "tasks"} ${done}${missing}\n`)
        writeSilent(failed)
      }
      return isWhole && failed.length === 0 ? exitCodes.done : exitCodes.failed
    },
  })

export const requeueCommand = changeCommand({
  verb: "requeue",
  summary: "queue dead letters of a service again",
  all: "All dead letters of the service",
  example: "all of them, after their reason was mended",
  done: "queued again",
})

export const discardCommand = changeCommand({
  verb: "discard",
  summary: "throw dead letters of a service away, for good",
  all: "All dead letters of the service",
  example: "all of them",
  done: "thrown away",
})
