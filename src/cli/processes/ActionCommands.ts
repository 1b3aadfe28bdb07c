import { Schema } from "effect"
import { workersMax } from "../../domain/ProcessSpec.ts"
import { writeOut } from "../../platform/Env.ts"
import { ask } from "../Api.ts"
import { command } from "../Command.ts"
import { UsageError } from "../Failure.ts"
import { duration, flag, optional, text as words, whole } from "../Flag.ts"
import { dataFlag, jsonFlag, pageFlag } from "../SharedFlags.ts"
import { exitCodeOf, ServiceOutcome, withProgress, writeOutcomes } from "./Outcomes.ts"

const Results = Schema.Struct({ results: Schema.Array(ServiceOutcome) })

const files = "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS."
const codes =
  "Exit codes: 0 done on every node, 1 it failed on one, is not over, or waits for a node that is away, or the manager refused, 2 the command line is wrong."
const away =
  "What is wanted is kept: a node that is away is told when it is back, and it stays so over restarts of the manager, the agent and the host."

const services = [
  { name: "SERVICE", about: "the name of the service", kind: "one" },
  { name: "SERVICE", about: "more of them, each with a result of its own", kind: "rest" },
] as const

const flags = {
  node: optional("node", words("NODE"), "On this node only, by its name, address or id (default: on all that run it)"),
  timeout: flag("timeout", duration, "How long to wait for the outcome; what was asked for goes on without", "10m"),
  url: pageFlag,
  data: dataFlag,
  json: jsonFlag,
}

type Given = {
  readonly node?: string | undefined
  readonly timeout: number
  readonly json: boolean
  readonly url: string | undefined
  readonly data: string
}

const tell = (json: boolean, { results }: typeof Results.Type, verb: string): number => {
  if (!json) return writeOutcomes(results, verb)
  writeOut(`${JSON.stringify({ results })}\n`)
  return exitCodeOf(results)
}

const past = { start: "started", stop: "stopped", restart: "restarted" } as const

/** One action on several services. */
const bulk = async (action: keyof typeof past, names: ReadonlyArray<string>, given: Given) => {
  const { data, json, node, timeout, url } = given
  const options = { url, dataDir: data }
  const body = { action, services: names, ...(node === undefined ? {} : { node }) }
  const answer = await withProgress(names, options, () =>
    ask(Results, { method: "POST", path: "/services/actions", body }, { ...options, timeoutMs: timeout }),
  )
  return tell(json, answer, past[action])
}

type Single = { readonly name: string; readonly path: string; readonly body: unknown; readonly verb: string }

/** One of one service, at an address of its own. */
const single = async ({ body, name, path, verb }: Single, { data, json, timeout, url }: Given) => {
  const options = { url, dataDir: data }
  const call = { method: "POST", path: `/services/${encodeURIComponent(name)}/${path}`, body } as const
  const result = await withProgress([name], options, () =>
    ask(ServiceOutcome, call, { ...options, timeoutMs: timeout }),
  )
  return tell(json, { results: [result] }, verb)
}

export const startCommand = command({
  words: ["start"],
  summary: "start the processes of services, or what of them has given up",
  arguments: services,
  flags,
  examples: [
    ["muster start greeter", "on all of its nodes, also where one was stopped by itself"],
    ["muster start greeter cleaner --node web-01", "two services on one node"],
  ],
  notes: [
    "Returns when every process is up and ready, or says what each waits for. A process that fails at its start is told with its reason, and is tried again.",
    away,
    files,
    codes,
  ],
  run: (given, names) => bulk("start", names, given),
})

export const stopCommand = command({
  words: ["stop"],
  summary: "stop the processes of services, for good",
  arguments: services,
  flags,
  examples: [
    ["muster stop greeter", "on all of its nodes"],
    ["muster stop greeter --node web-01", "on one; the others serve on"],
  ],
  notes: [
    "Open calls may finish within the spec's time, then what is left is killed, with all that it has started. Clients call an endpoint until it is taken offline: do that first.",
    away,
    files,
    codes,
  ],
  run: (given, names) => bulk("stop", names, given),
})

/** `2` or `task-2`. */
const instance = {
  placeholder: "N|task-N",
  read: (value: string) => {
    const [, tasks, slot] = /^(task-)?(\d{1,3})$/.exec(value) ?? []
    return slot === undefined ? undefined : { slot: Number(slot), kind: tasks === undefined ? "calls" : "tasks" }
  },
  expected: "the number of an instance as muster status shows it, such as 0 or task-1",
}

export const restartCommand = command({
  words: ["restart"],
  summary: "end the processes of services and start them anew; reload does it without a gap",
  arguments: services,
  flags: { ...flags, instance: optional("instance", instance, "This instance only, on the node of --node") },
  examples: [
    ["muster restart cleaner", "all of its processes, on all of its nodes"],
    ["muster restart greeter --node web-01 --instance 1", "one worker on one node"],
  ],
  notes: [
    "Every process ends and starts anew, so calls fail meanwhile: muster reload replaces the workers of a module without a failed call. What is stopped stays stopped.",
    files,
    codes,
  ],
  run: async ({ instance, ...given }, names) => {
    const [name = ""] = names
    if (instance === undefined) return bulk("restart", names, given)
    if (names.length > 1) throw new UsageError({ message: "--instance goes with one SERVICE" })
    const { node } = given
    if (node === undefined)
      throw new UsageError({ message: "--instance needs --node: each node numbers its instances from 0" })
    return single({ name, path: "restart", body: { node, ...instance }, verb: "restarted" }, given)
  },
})

export const scaleCommand = command({
  words: ["scale"],
  summary: "set how many workers or instances of a service run on each node",
  arguments: [
    { name: "SERVICE", about: "the name of the service", kind: "one" },
    { name: "COUNT", about: "workers of a module (0: one for each CPU), or instances of a command", kind: "one" },
  ],
  flags: { timeout: flags.timeout, url: pageFlag, data: dataFlag, json: jsonFlag },
  examples: [["muster scale greeter 4", "four workers on each node; only the difference starts or ends"]],
  notes: [
    "It is a new revision of the spec, on every node. A revision that is saved and not pushed to all stays so, with the new number.",
    files,
    codes,
  ],
  run: async (given, [name = "", text = ""]) => {
    const { expected, read } = whole("COUNT", 0, workersMax)
    const count = read(text)
    if (count === undefined) throw new UsageError({ message: `COUNT is ${JSON.stringify(text)}, expected ${expected}` })
    return single({ name, path: "scale", body: { count }, verb: `scaled to ${count}` }, given)
  },
})
