import { connect } from "../../client/connect.ts"
import type { Client } from "../../client/Client.ts"
import { endpointName } from "../../client/EndpointFile.ts"
import { outColumns, writeError, writeOut } from "../../platform/Env.ts"
import { valueJson } from "../../protocol/ValueJson.ts"
import { command } from "../Command.ts"
import { exitCodes, UsageError } from "../Failure.ts"
import { address, duration, optional, text, toggle, whole } from "../Flag.ts"
import { type Interruption, interruption, unread } from "../Interruption.ts"
import type { Values } from "../Parse.ts"
import { Progress } from "../Progress.ts"
import { dataFlag } from "../SharedFlags.ts"
import { faultJson, faultLine } from "./CallFault.ts"
import { runLoad } from "./Load.ts"
import { loadJson, loadProgress, loadText } from "./LoadSummary.ts"

/** An argument of a call: JSON where it is JSON, else the text itself. */
export const readArgument = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const timeoutDefaultMs = 500
const repeatMax = 1_000_000_000
const concurrencyMax = 10_000
const keyMax = 255

const flags = {
  data: dataFlag,
  timeout: optional(
    "timeout",
    duration,
    "How long the call may take; milliseconds when there is no unit (default 500; for --stream no limit)",
  ),
  node: optional("node", address, "Call the endpoint of this address, whatever its weight"),
  stream: toggle("stream", "Ask for a stream: each item is printed on a line of its own as it comes, as JSON"),
  repeat: optional(
    "repeat",
    whole("N", 1, repeatMax),
    "Call it so many times, and print how long the calls took instead of what they answered",
  ),
  concurrency: optional(
    "concurrency",
    whole("C", 1, concurrencyMax),
    "With --repeat: so many calls are open at once (default 1)",
  ),
  key: optional(
    "key",
    { ...text("KEY"), read: readKey, expected: `a text of 1 to ${keyMax} characters` },
    "Idempotency key: a call with a key that a worker has seen in the last minutes is answered as the first one was, and not run again",
  ),
  oneWay: toggle("one-way", "Send it and wait for no answer: nobody says whether it was run"),
  json: toggle("json", "Print on one line, the summary of --repeat too; an error too is JSON, on stderr"),
} as const

type CallValues = Values<typeof flags>

export const callCommand = command({
  words: ["call"],
  summary: "call a method of a service from this node, and print its result",
  arguments: [
    { name: "SERVICE", about: "a service whose endpoint list was pushed to this node", kind: "one" },
    {
      name: "METHOD",
      about: "function, Class.method or Class::method; muster methods SERVICE lists them",
      kind: "one",
    },
    { name: "ARG", about: "JSON, or else a string as it is", kind: "rest" },
  ],
  flags,
  examples: [
    ["muster call greeter hello 世界", "a string needs no quotes of JSON"],
    ["muster call stock add 1 2 '{\"round\": true}'", "two numbers and an object"],
    ["muster call greeter hello '\"5\"'", "the string 5 rather than the number"],
    ["muster call --node 127.1.1.101 --timeout 2s greeter ping", "one node, with more time"],
    ["muster call --stream greeter ticks | head -3", "the first items of a stream"],
    ["muster call --repeat 100000 --concurrency 64 greeter hello 世界", "how fast is it?"],
  ],
  notes: [
    "Ctrl-C cancels the call; of --repeat it prints the summary of what was done so far.",
    "Files: DATA/discovery/SERVICE.json says where the service answers, DATA/tls is this node's certificate.",
    "Exit codes: 0 the result was printed on stdout, 1 the call failed, or one of --repeat (the reason is on stderr), 2 the command line is wrong, 130 ended by Ctrl-C, 141 nobody reads stdout any more.",
  ],
  run: async (values, [service = "", method = "", ...texts]) => {
    refuseNonsense(values)
    const client = connect(service, {
      dataDir: values.data,
      timeoutMs: values.timeout ?? timeoutDefaultMs,
      name: "muster call",
      // The call that fails for want of a list says why.
      onFault: () => undefined,
    })
    const target = { client, service, method, args: texts.map(readArgument), stop: interruption() }
    try {
      return values.repeat === undefined ? await callOnce(target, values) : await callOften(target, values)
    } finally {
      client.close()
    }
  },
})

function readKey(value: string) {
  return value !== "" && value.length <= keyMax ? value : undefined
}

/** Flags that make no sense together, with what to tell of them. */
const nonsense: ReadonlyArray<readonly [is: (values: CallValues) => boolean, message: string]> = [
  [({ oneWay, stream }) => stream && oneWay, "--stream and --one-way exclude each other: a stream is an answer"],
  [
    ({ concurrency, repeat }) => concurrency !== undefined && repeat === undefined,
    "--concurrency is for --repeat N, which is missing",
  ],
  [({ key, stream }) => key !== undefined && stream, "--key is for a call with one answer, not for --stream"],
  [({ key, oneWay }) => key !== undefined && oneWay, "--key is for a call that is answered, not for --one-way"],
  [
    ({ key, repeat }) => key !== undefined && repeat !== undefined,
    "--key and --repeat exclude each other: all the calls would be one",
  ],
]

const refuseNonsense = (values: CallValues) => {
  const found = nonsense.find(([is]) => is(values))
  if (found !== undefined) throw new UsageError({ message: found[1] })
}

interface Target {
  readonly client: Client
  readonly service: string
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly stop: Interruption
}

const callerOf = ({ client, stop }: Target, { key, node, timeout }: CallValues) =>
  client.with({ ip: node, signal: stop.signal, idempotencyKey: key, timeoutMs: timeout })

const callOnce = async (target: Target, values: CallValues): Promise<number> => {
  const { args, method, stop } = target
  const caller = callerOf(target, values)
  try {
    if (values.stream) return (await printItems(caller.stream(method, ...args))) ? exitCodes.done : unread
    if (values.oneWay) await caller.send(method, ...args)
    else writeOut(`${valueJson(await caller.call(method, ...args), values.json ? 0 : 2)}\n`)
    return exitCodes.done
  } catch (error) {
    // A person who stopped it knows.
    const stopped = stop.code()
    if (stopped !== undefined) return stopped
    writeError(`${values.json ? faultJson(error) : faultLine(error)}\n`)
    return exitCodes.failed
  }
}

/** Each as it comes. False: nobody reads them any more. */
const printItems = async (items: AsyncIterable<unknown>): Promise<boolean> => {
  for await (const item of items) {
    if (!writeOut(`${valueJson(item)}\n`)) return false
  }
  return true
}

const callOften = async (target: Target, values: CallValues): Promise<number> => {
  const { args, client, method, service, stop } = target
  const { concurrency = 1, oneWay, repeat = 1, stream } = values
  const caller = callerOf(target, values)
  const readAll = async () => {
    for await (const _item of caller.stream(method, ...args)) continue
  }
  const progress = new Progress()
  const figures = await runLoad({
    repeat,
    concurrency,
    signal: stop.signal,
    once: stream ? readAll : async () => (oneWay ? caller.send(method, ...args) : caller.call(method, ...args)),
    onAnswer: (so) => progress.show(() => loadProgress(so, repeat)),
  })
  progress.clear()
  const told = { service, method, concurrency, endpoints: endpointsOf(client), width: outColumns() }
  writeOut(values.json ? loadJson(figures, told) : loadText(figures, told))
  return stop.code() ?? (figures.failed === 0 ? exitCodes.done : exitCodes.failed)
}

/** How many calls each endpoint has answered. */
const endpointsOf = (client: Client) =>
  client.stats().endpoints.map((endpoint) => [endpointName(endpoint), endpoint.calls] as const)
