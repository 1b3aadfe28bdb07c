import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync } from "node:fs"
import { type CommandSpec, type ProcessAssignment, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { processRow } from "../../src/platform/ProcessTable.ts"
import { nodeMethods } from "../../src/protocol/NodeManager.ts"
import type { RestartVerdict } from "../../src/protocol/ProcessMessages.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(300_000)

const instances = 4
const listed = 200
const MiB = 1024 * 1024

const talker: ProcessAssignment = {
  name: "talker",
  specRevision: 1,
  listen: null,
  spec: {
    ...specDefaults,
    service: "talker" as CommandSpec["service"],
    kind: "command",
    command: { shell: "seq 1 500; exec sleep 41062" },
    instances,
    user: "",
    group: "",
    nice: 0,
    rlimits: {},
    stopSignal: "TERM",
    startMs: 0,
    startTimeoutMs: 10_000,
    maxRssBytes: 0,
    passSocket: false,
    nodes: [],
    drainTimeoutMs: 2_000,
  },
}

test("an agent does not grow with the starts, ends, lines, lists and questions of its long life", async () => {
  await using node = await new TestNode().join()
  await using agent = await AgentProcess.start(node)
  await node.apply(1, talker)
  await node.running(instances)

  let revision = 0
  const endpoints = Array.from({ length: listed }, (_, at) => ({ ip: "10.0.0.1", port: 1_000 + at, weight: 100 }))
  const live = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const verdict = await node.call(nodeMethods.restartProcess, { name: "talker" })
      expect((verdict as RestartVerdict).outcome).toBe("done")
      // One that crashes is started again.
      const [victim = 0, ...others] = await node.running(instances)
      process.kill(victim, "SIGKILL")
      await waitFor(async () => {
        const now = await node.running(instances)
        return !now.includes(victim) && others.every((pid) => now.includes(pid))
      })
      for (let push = 0; push < 10; push++) {
        const list = { service: "greeter", revision: ++revision, tls: "auto", releasedAt: 0, releasedBy: "test" }
        await node.call(nodeMethods.applyList, {
          list: { ...list, endpoints: endpoints.map((one) => ({ ...one, status: "online" })) },
        })
      }
    }
  }
  const size = () => processRow(agent.pid)?.rssBytes ?? 0
  const descriptors = () => readdirSync(`/proc/${agent.pid}/fd`).length

  await live(15)
  const before = { size: size(), descriptors: descriptors() }
  await live(30)
  // What is not collected yet is no leak: one takes more, and goes on to.
  await waitFor(() => size() - before.size < 30 * MiB, { timeoutMs: 60_000, what: "it has not grown" })
  expect(descriptors()).toBeLessThanOrEqual(before.descriptors + 4)
  // The agent is killed at the end, and what it runs would go on.
  const left = await node.running(instances)
  await node.apply(2)
  await waitFor(() => left.every((pid) => processRow(pid) === undefined))
})
