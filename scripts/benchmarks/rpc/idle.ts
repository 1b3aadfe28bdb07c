// Holds idle connections to one worker: idle.ts TARGET; each line of the input is how many there are to be from now on, and
// is answered when all have said HELLO.
import process from "node:process"
import { createInterface } from "node:readline"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import type { Target } from "./peers/Peer.ts"

const to = JSON.parse(process.argv[2] ?? "") as Target
const atOnce = 50
const open: Array<RpcConnection> = []

process.on("SIGTERM", () => process.exit(0))
for await (const line of createInterface({ input: process.stdin })) {
  while (open.length < Number(line)) {
    const more = Math.min(atOnce, Number(line) - open.length)
    open.push(...(await Promise.all(Array.from({ length: more }, () => RpcConnection.open({ to, client: "bench" })))))
  }
  console.log(open.length)
}
process.exit(0)
