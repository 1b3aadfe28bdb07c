import { join } from "node:path"
import { atMost, fixed, row } from "../Report.ts"
import { cpuMicros } from "../Pinned.ts"
import type { muster } from "./muster.ts"
import { sleep } from "./Rival.ts"

type Muster = Awaited<ReturnType<typeof muster>>

const addCommand = async ({ cluster }: Muster, name: string, argv: ReadonlyArray<string>, instances: number) => {
  await cluster.api.create(name, [])
  const nodes = cluster.agents.map(({ ip }) => ip)
  await cluster.api.call("PUT", `/services/${name}/process`, { kind: "command", command: { argv }, instances, nodes })
}

const running = async ({ cluster }: Muster, name: string) => {
  const { process } = await cluster.api.service(name)
  return (process?.instances ?? [])
    .flatMap(({ status }) => status?.workers ?? [])
    .filter(({ state }) => state === "RUNNING")
}

const untilUp = async (own: Muster, name: string, instances: number) => {
  for (let tries = 0; tries < 300; tries++) {
    if ((await running(own, name)).length === instances) return
    await sleep(200)
  }
  throw new Error(`Of ${name} not all instances came up`)
}

const agentCpu = async ({ daemon }: Muster, ms: number) => {
  const from = cpuMicros([daemon])
  await sleep(ms)
  return ((cpuMicros([daemon]) - from) / (ms * 1_000)) * 100
}

/** What the agent takes to watch a hundred programs that do nothing; less what it takes without them. */
export const watch = async (own: Muster, ms: number) => {
  const without = await agentCpu(own, ms)
  await addCommand(own, "sleepers", ["sleep", "100000"], 100)
  await untilUp(own, "sleepers", 100)
  await sleep(10_000)
  const cpuPercent = (await agentCpu(own, ms)) - without
  return {
    lines: [row("100 programs watched", "CPU %"), row("muster", fixed(cpuPercent, 2))],
    targets: [atMost("CPU of watching 100 processes, percent of a core", 1, cpuPercent)],
    details: { cpuPercent, without },
  }
}

/** What the agent takes to keep what ten services print: a thousand lines a second each. */
export const logs = async (own: Muster, ms: number) => {
  const names = Array.from({ length: 10 }, (_, index) => `printer${index}`)
  for (const name of names) await addCommand(own, name, ["node", join(import.meta.dirname, "lines.cjs")], 1)
  for (const name of names) await untilUp(own, name, 1)
  await sleep(5_000)
  const cpuPercent = await agentCpu(own, ms)
  return {
    lines: [row("10,000 lines a second", "CPU %"), row("muster", fixed(cpuPercent, 2))],
    targets: [atMost("CPU of 10,000 log lines a second, percent of a core", 15, cpuPercent)],
    details: { cpuPercent },
  }
}
