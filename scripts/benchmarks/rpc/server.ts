// One server of the comparison: prints its port, then its CPU time in microseconds for each line it is sent.
import { createInterface } from "node:readline"
import { peers, type PeerName } from "./peers.ts"

console.log(await peers[process.argv[2] as PeerName].serve())
for await (const _ of createInterface({ input: process.stdin })) {
  const { system, user } = process.cpuUsage()
  console.log(user + system)
}
process.exit(0)
