// Calls one server: for each line `WIDTH MS` on its input, WIDTH callers at once for MS milliseconds; prints
// `CALLS MS` for what they did.
import { createInterface } from "node:readline"
import { peers, type PeerName } from "./peers.ts"

const [, , name, port] = process.argv
const peer = peers[name as PeerName]

for await (const line of createInterface({ input: process.stdin })) {
  const [width = 1, ms = 1000] = line.split(" ").map(Number)
  const client = await peer.dial(Number(port), width)
  const startedAt = performance.now()
  const until = startedAt + ms
  let calls = 0
  const caller = async () => {
    while (performance.now() < until) {
      await client.call()
      calls++
    }
  }
  await Promise.all(Array.from({ length: width }, caller))
  console.log(`${calls} ${performance.now() - startedAt}`)
  client.close()
}
process.exit(0)
