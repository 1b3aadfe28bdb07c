// The server of one protocol of the comparison: prints its port, and ends when its input does.
import process from "node:process"
import type { Peer } from "./peers/Peer.ts"

const { peer } = (await import(`./peers/${process.argv[2]}.ts`)) as { readonly peer: Peer }
if (peer.serve === undefined) throw new Error(`${process.argv[2]} has no server of its own`)
process.stdin.on("end", () => process.exit(0)).resume()
process.on("SIGTERM", () => process.exit(0))
console.log(await peer.serve())
