// Whether `executed` tells the truth: scripts/bench kills [--kills=1000]. Workers are killed at random points under load; each
// call notes durably that it ran, and what its caller is told must agree with that.
import { parseArgs } from "node:util"
import { killWorkers } from "../../test/support/kills.ts"
import { atLeast, atMost, printTargets, report } from "./Report.ts"

const { values } = parseArgs({ options: { kills: { type: "string" } } })
const kills = Number(values.kills ?? 1_000)
const startedAt = performance.now()
const outcome = await killWorkers({ net: "127.5.1", kills, workers: 16 })
const { answered, maybe, no, yes } = outcome.verdicts
console.log(
  `${outcome.kills} kills in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s, ${outcome.calls} calls`,
)
console.log(`${answered} answered; of the others executed was said to be no: ${no}, maybe: ${maybe}, yes: ${yes}\n`)
const targets = [
  atLeast("kills", kills, outcome.kills),
  atMost("calls that ran although executed is no", 0, outcome.ranThough.length),
  atMost("calls that did not run although answered, or executed is yes", 0, outcome.didNotRun.length),
  atMost("calls that ran twice", 0, outcome.ranTwice.length),
]
printTargets(targets)
report("kills", targets, outcome)
process.exit()
