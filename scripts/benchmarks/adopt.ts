// Whether services outlive their agent: scripts/bench adopt [--kills=50] [--upgrades=50] [--width=64]. The agent of a service is
// killed, and its executable is replaced by another version's, again and again under load.
import { parseArgs } from "node:util"
import { endAgents } from "../../test/support/agentEnds.ts"
import { atLeast, atMost, printTargets, report } from "./Report.ts"

const { values } = parseArgs({
  options: { kills: { type: "string" }, upgrades: { type: "string" }, width: { type: "string" } },
})
const kills = Number(values.kills ?? 50)
const upgrades = Number(values.upgrades ?? 50)
const startedAt = performance.now()
const outcome = await endAgents({ net: "127.43.5", kills, upgrades, workers: 4, width: Number(values.width ?? 64) })

const median = (all: ReadonlyArray<number>) => {
  const sorted = all.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)
}
const medians = { kills: median(outcome.awayMs.kills), upgrades: median(outcome.awayMs.upgrades) }
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
console.log(`${outcome.kills} kills and ${outcome.upgrades} upgrades in ${seconds} s, ${outcome.calls} calls`)
console.log(
  `until the next agent had taken over: ${medians.kills} ms after a kill, ${medians.upgrades} ms after SIGHUP\n`,
)
const targets = [
  atLeast("kills", kills, outcome.kills),
  atLeast("upgrades", upgrades, outcome.upgrades),
  atMost("calls that failed", 0, outcome.failed.length),
  atMost("lines of answered calls that are not in the log", 0, outcome.lostLines.length),
  atMost("lines that are in the log twice", 0, outcome.doubledLines.length),
  atMost("workers beside the first ones", 0, outcome.others.length),
  atMost("upgrades that changed the agent's pid", 0, outcome.movedAgents),
  atMost("signals that others got", 0, outcome.signalled.length),
  atMost("processes left after the stop", 0, outcome.left.length),
]
printTargets(targets)
report("adopt", targets, { ...outcome, medianMs: medians })
process.exit()
