// Calls one server: load.ts PEER TARGET, the target as JSON. For each line of its input, a Task as JSON, it prints what it
// did, an Outcome.
import process from "node:process"
import { createInterface } from "node:readline"
import type { Peer, Target } from "./peers/Peer.ts"
import type { Outcome, Task } from "./Task.ts"
import { Times } from "./Times.ts"

type Call = () => Promise<unknown>

/** Ends after `ms` milliseconds or `calls` calls, whichever is given; the number of calls. */
const closedLoop = async (call: Call, { calls = Infinity, ms = Infinity, width = 1 }: Task) => {
  const until = performance.now() + ms
  let begun = 0
  const caller = async () => {
    while (begun < calls && performance.now() < until) {
      begun++
      await call()
    }
  }
  await Promise.all(Array.from({ length: width }, caller))
  return begun
}

/** Calls are begun at their time, whether or not the ones before are answered. */
const openLoop = async (call: Call, { ms = 1_000, rate = 1 }: Task) => {
  const startedAt = performance.now()
  const open: Array<Promise<unknown>> = []
  while (performance.now() - startedAt < ms) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * rate)
    while (open.length < due) open.push(call())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(open)
  return open.length
}

const timed = (call: Call, times: Times) => async () => {
  const at = performance.now()
  await call()
  times.add(performance.now() - at)
}

const [, , name, target] = process.argv
const { peer } = (await import(`./peers/${name}.ts`)) as { readonly peer: Peer }
process.on("SIGTERM", () => process.exit(0))

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line) as Task
  const client = await peer.dial(JSON.parse(target ?? "") as Target, task.width ?? 1)
  // Whatever is made at the first call is there when the clock starts.
  await client.call()
  const times = new Times()
  const call = task.latency === true ? timed(client.call, times) : client.call
  const startedAt = performance.now()
  const calls = await (task.rate === undefined ? closedLoop(call, task) : openLoop(call, task))
  const ms = performance.now() - startedAt
  const outcome: Outcome = { calls, ms, p50: times.quantile(0.5), p99: times.quantile(0.99), max: times.max }
  console.log(JSON.stringify(outcome))
  client.close()
}
process.exit(0)
