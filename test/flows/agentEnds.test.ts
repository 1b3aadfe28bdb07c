import { expect, test } from "bun:test"
import { endAgents } from "../support/agentEnds.ts"

// `scripts/bench adopt` does the same fifty times, with 64 clients.
test("no call fails, no line of the log is lost, and nothing is started twice, when agents are killed and upgraded", async () => {
  const report = await endAgents({ net: "127.43.2", kills: 5, upgrades: 5, workers: 2, width: 16 })
  expect(report).toMatchObject({
    kills: 5,
    upgrades: 5,
    failed: [],
    lostLines: [],
    doubledLines: [],
    others: [],
    movedAgents: 0,
    signalled: [],
    left: [],
  })
  expect(report.workers).toHaveLength(2)
  expect(report.calls).toBeGreaterThan(500)
}, 240_000)
