// What a worker adds to each call, in nanoseconds of CPU time: bun scripts/benchmarks/worker.ts
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { journalBytes } from "../../src/protocol/Journal.ts"
import type { ServerCall } from "../../src/rpc/Handler.ts"
import { setHost } from "../../src/service/Host.ts"
import { context, method } from "../../src/service/index.ts"
import type { AgentLink } from "../../src/worker/AgentLink.ts"
import { handlerOf } from "../../src/worker/Handlers.ts"
import { Journal } from "../../src/worker/Journal.ts"
import { Keys } from "../../src/worker/Keys.ts"
import { Meter } from "../../src/worker/Meter.ts"
import { methodTable } from "../../src/worker/MethodTable.ts"

const rounds = 7
const callsPerRound = 1_000_000

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const measure = (name: string, run: (index: number) => void) => {
  const took = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    for (let index = 0; index < callsPerRound; index++) run(index)
    const { system, user } = process.cpuUsage(before)
    return ((system + user) * 1e3) / callsPerRound
  })
  console.log(`${name.padEnd(52)} ${median(took).toFixed(1).padStart(7)} ns`)
}

setHost({ service: "bench", log: () => undefined, queueTask: () => Promise.resolve("") })
const makeCall = (): ServerCall => ({
  method: "hello",
  peer: undefined,
  remote: "127.0.0.1:1",
  client: "bench",
  meta: {},
  signal: new AbortController().signal,
  isStream: false,
  remainingMs: () => 500,
})
const call = makeCall()
const calls = Array.from({ length: 64 }, makeCall)

const { methods } = methodTable({
  hello: (name: string) => name,
  withContext: (name: string) => context().method + name,
  checked: method({
    input: { "~standard": { version: 1, vendor: "bench", validate: (value: unknown) => ({ value }) } },
    handler: (name) => name,
  }),
})
const handler = (name: string) => {
  const found = methods.get(name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return handlerOf(name, found)
}

const args = ["world"]
let sink: unknown
const plain = (name: string) => name
measure("a bare call of the function", () => (sink = plain.apply(undefined, args as [string])))
const hello = handler("hello")
measure("the worker's handler of it", () => (sink = hello(args, call)))
const once = new Keys(undefined as unknown as AgentLink, { windowMs: 1 }).once("hello", hello)
measure("the same, with the look for an idempotency key", () => (sink = once(args, call)))
const withContext = handler("withContext")
measure("a handler that asks for its context", (index) => (sink = withContext(args, calls[index & 63] ?? call)))
const checked = handler("checked")
measure("a handler with a schema that lets all pass", () => (sink = checked(args, call)))

const meter = new Meter()
measure("recording the answer (statistics)", (index) => meter.record(50 + (index & 1023), undefined))

const folder = mkdtempSync(join(tmpdir(), "muster-bench-"))
try {
  const path = join(folder, "journal")
  writeFileSync(path, "")
  truncateSync(path, journalBytes)
  const journal = Journal.open("bench", path, { methods: ["hello"], now: () => 0 })
  const caller = journal.enter("127.0.0.1:1")
  const request = { method: "hello", start: 0, end: 0 }
  for (const length of [16, 100, 1_000]) {
    const bytes = crypto.getRandomValues(new Uint8Array(length + 64))
    measure(`the journal, for a call of ${length} bytes`, (index) => {
      const from = index & 31
      request.start = from
      request.end = from + length
      journal.end(Number(journal.begin(request, bytes, caller)))
    })
  }
} finally {
  rmSync(folder, { recursive: true })
}
if (sink === meter) console.log("never")
