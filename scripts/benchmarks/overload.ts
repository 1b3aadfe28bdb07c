// What a worker does with more than it can do: scripts/bench overload [--factor=3] [--ms=10000]. The worker has a core of its
// own, each call takes 2 ms of it, and callers wait 500 ms.
import { parseArgs } from "node:util"
import { overloadWorker } from "../../test/support/overload.ts"
import { cores, pinnedTo } from "./Pinned.ts"
import { atLeast, atMost, fixed, printTargets, report, row } from "./Report.ts"

const { values } = parseArgs({ options: { factor: { type: "string" }, ms: { type: "string" } } })
const options = { factor: Number(values.factor ?? 3), ms: Number(values.ms ?? 10_000) }
const outcome = await overloadWorker({ ...options, net: "127.5.2", within: pinnedTo(cores.server) })
const { goodput, overload, peak, runs, runsInVain, runsUnanswered } = outcome
console.log(row("calls each second", "offered", "in time", "refused", "too late"))
console.log(row("at its peak", "", fixed(peak, 0), "", ""))
const { answered, late, offered, refused } = overload
console.log(
  row(`at ${options.factor} times that`, ...[offered, answered, refused, late].map((calls) => fixed(calls, 0))),
)
console.log("")
const targets = [
  atLeast(`goodput at ${options.factor} times the capacity, of the peak`, 0.9, goodput),
  atMost("calls that were run although their time was over", 0, runsInVain),
  atMost("share of the runs whose answer came too late", 0.1, runsUnanswered / runs),
]
printTargets(targets)
report("overload", targets, { options, ...outcome })
process.exit()
