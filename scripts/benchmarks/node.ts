// What keeping programs running costs, next to PM2 and supervisord: scripts/bench node [--rounds=N] [--up=MS] [--idle=MS]
import { parseArgs } from "node:util"
import { idle } from "./node/idle.ts"
import { muster } from "./node/muster.ts"
import { pm2 } from "./node/pm2.ts"
import { speed } from "./node/speed.ts"
import { supervisord } from "./node/supervisord.ts"
import { busyNow } from "./Report.ts"

const { values } = parseArgs({
  options: { rounds: { type: "string" }, up: { type: "string" }, idle: { type: "string" }, only: { type: "string" } },
})
const busy = await busyNow()
console.log(`Other programs use ${(busy * 100).toFixed(0)} % of the CPUs at the start`)
if (values.only !== "idle") {
  const rivals = [await muster(), await pm2(), await supervisord()]
  const { lines } = await speed(rivals, Number(values.rounds ?? 10), Number(values.up ?? 2_000))
  for (const line of lines) console.log(line)
  for (const rival of rivals) await rival[Symbol.asyncDispose]()
}
const quiet = [await muster(), await pm2()]
const { lines } = await idle(quiet, Number(values.idle ?? 60_000))
for (const line of lines) console.log(line)
for (const rival of quiet) await rival[Symbol.asyncDispose]()
process.exit()
