// Replaces workers over and over while 64 pipelined and 64 connecting clients call them, with 6 ms of CPU time in each call:
// scripts/bench reload [--reloads=24] [--recyclings=24] [--workers=4]. No call may fail and no connection be reset.
import { parseArgs } from "node:util"
import { reloadUnderLoad } from "../../test/support/reloads.ts"
import { atLeast, atMost, printTargets, report } from "./Report.ts"

const { values } = parseArgs({
  options: { reloads: { type: "string" }, recyclings: { type: "string" }, workers: { type: "string" } },
})
const options = {
  reloads: Number(values.reloads ?? 24),
  recyclings: Number(values.recyclings ?? 24),
  workers: Number(values.workers ?? 4),
  // Workers that last less than ten seconds are replaced ever more slowly.
  callsEach: 500,
  widths: { pipelined: 64, connecting: 64 },
}
const startedAt = performance.now()
const outcome = await reloadUnderLoad({ ...options, net: "127.5.4", say: (line) => console.log(line) })
const { broken, load, recyclings, reloads } = outcome
const seconds = (performance.now() - startedAt) / 1_000
console.log(
  `\n${load.pipelined} pipelined and ${load.connecting} connecting calls answered in ${seconds.toFixed(0)} s; ` +
    `${load.moved} were not taken by a worker that left, and sent again`,
)
console.log(`The broken version: ${broken.outcome}, ${broken.reason}`)
for (const text of [...load.failed, ...load.resets].slice(0, 20)) console.log(`  ${text}`)
console.log("")
const targets = [
  atLeast(
    "reloads that replaced all workers",
    options.reloads,
    reloads.filter(({ outcome }) => outcome === "done").length,
  ),
  atLeast("recyclings", options.recyclings, recyclings),
  atLeast(
    "broken versions that were refused, and replaced nobody",
    1,
    broken.outcome === "failed" && outcome.brokenReplacedNobody ? 1 : 0,
  ),
  atMost("failed calls", 0, load.failed.length),
  atMost("resets", 0, load.resets.length),
]
printTargets(targets)
report("reload", targets, { options, seconds, ...outcome })
process.exit()
