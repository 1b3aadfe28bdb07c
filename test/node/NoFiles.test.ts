import { expect, setDefaultTimeout, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { assignment, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const command = (name: string, shell: string) =>
  ({
    name,
    specRevision: 1,
    listen: null,
    spec: { kind: "command", service: name, command: { shell }, instances: 2, startMs: 0 },
  }) as unknown as ProcessAssignment

/** From now on it may have so many files open at once, which those that it has may be more than. */
const limitFiles = (pid: number, count: number) => {
  const [program = "", ...args] = ["prlimit", `--pid=${pid}`, `--nofile=${count}:`]
  expect(spawnSync(program, args).status).toBe(0)
}

const limitOf = (pid: number) =>
  Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1])

test("an agent that can open no file for a while has lost nobody when it can again", async () => {
  await using node = await new TestNode().join()
  await using agent = await AgentProcess.start(node)
  const module = node.module("greeter.ts", `export const hello = () => process.pid`)
  const greeter = assignment({ ip: "127.42.9.1", port: 9_142 }, module, { workers: 2 })
  await node.apply(1, command("speaker", "while :; do echo tick; sleep 0.2; done"), greeter)
  const running = async () => {
    const { processes } = await node.status()
    return processes.map(({ workers }) => workers.flatMap(({ pid, state }) => (state === "RUNNING" ? [pid] : [])))
  }
  const allRun = async () => {
    const all = await running()
    return all.length === 2 && all.every(({ length }) => length === 2) && all
  }
  const [speakers = [], workers = []] = await waitFor(allRun)
  const victims = [speakers[0], workers[0]].filter((pid) => pid !== undefined && pid !== null)

  limitFiles(agent.pid, 3)
  for (const pid of victims) process.kill(pid, "SIGKILL")
  await waitFor(() => victims.every((pid) => identityOf(pid) === undefined))
  // Long enough for several tries to start them.
  await Bun.sleep(4_000)
  expect(agent.hasEnded).toBe(false)
  expect(readdirSync(`/proc/${agent.pid}/fd`).length).toBeGreaterThan(3)

  limitFiles(agent.pid, limitOf(agent.pid))
  const isNew = async () => {
    const all = await allRun()
    return all !== false && !victims.some((pid) => all.flat().includes(pid)) && all
  }
  const after = await waitFor(isNew, { timeoutMs: 60_000, what: "all run again" })
  expect(after.flat()).toEqual(expect.arrayContaining([speakers[1], workers[1]]))
  expect(agent.output).toContain("EMFILE")
  // The agent is killed at the end, and what it runs would go on.
  await node.apply(2)
  await waitFor(async () => (await node.status()).processes.length === 0)
})
