// Calls per second and server CPU per call of muster/1, a bare CBOR loop, Hono on Bun and @grpc/grpc-js on Bun, for the
// same handler: servers on one core, load on the other, rounds interleaved, medians. Options: --rounds=N --ms=N.
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import type { PeerName } from "./rpc/peers.ts"

const here = import.meta.dirname
const names: ReadonlyArray<PeerName> = ["muster", "bare", "hono", "grpc"]
const widths = [1, 64, 512]
const { values } = parseArgs({ options: { rounds: { type: "string" }, ms: { type: "string" } } })
const rounds = Number(values.rounds ?? 5)
const roundMs = Number(values.ms ?? 1000)

interface Round {
  readonly callsPerSecond: number
  readonly serverMicrosPerCall: number
}

const install = Bun.spawnSync([process.execPath, "install", "--frozen-lockfile"], { cwd: here })
if (install.exitCode !== 0) throw new Error(`Cannot install what is compared with:\n${install.stderr.toString()}`)

/** A process on one core that answers each line with a line. */
const start = (core: number, script: string, args: ReadonlyArray<string>) => {
  const path = join(here, "rpc", script)
  const pinned = cpus().length > 1 ? ["taskset", "-c", String(core)] : []
  const [command = "", ...rest] = [...pinned, process.execPath, path, ...args]
  const child = spawn(command, rest, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NODE_ENV: "production" },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { done, value } = await lines.next()
    if (done === true) throw new Error(`${script} ${args.join(" ")} ended`)
    return value
  }
  const ask = (line: string) => {
    child.stdin.write(`${line}\n`)
    return next()
  }
  return { next, ask, stop: () => child.kill() }
}

const startPair = async (name: PeerName) => {
  const server = start(0, "server.ts", [name])
  const port = await server.next()
  const load = start(1, "load.ts", [name, port])
  const measure = async (width: number, ms: number): Promise<Round> => {
    const before = Number(await server.ask("cpu"))
    const [calls = 0, tookMs = 1] = (await load.ask(`${width} ${ms}`)).split(" ").map(Number)
    const micros = Number(await server.ask("cpu")) - before
    return { callsPerSecond: (calls / tookMs) * 1000, serverMicrosPerCall: micros / calls }
  }
  const stop = () => {
    server.stop()
    load.stop()
  }
  return { name, measure, stop }
}

const median = (numbers: ReadonlyArray<number>) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const pairs = await Promise.all(names.map(startPair))
const results = new Map<string, Array<Round>>(names.flatMap((name) => widths.map((width) => [`${name} ${width}`, []])))
for (const width of widths) {
  for (const pair of pairs) await pair.measure(width, Math.min(roundMs, 500))
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < pairs.length; turn++) {
      // Each is first, second… in turn: a machine that grows slower does so for all.
      const pair = pairs[(turn + round) % pairs.length]!
      results.get(`${pair.name} ${width}`)!.push(await pair.measure(width, roundMs))
    }
}
for (const pair of pairs) pair.stop()

const summary = widths.map((inFlight) => ({
  inFlight,
  peers: names.map((name) => {
    const all = results.get(`${name} ${inFlight}`)!
    return {
      name,
      callsPerSecond: median(all.map((round) => round.callsPerSecond)),
      serverMicrosPerCall: median(all.map((round) => round.serverMicrosPerCall)),
    }
  }),
}))

const cell = (value: number | string, digits = 0) =>
  (typeof value === "number" ? value.toFixed(digits) : value).padStart(12)
console.log(
  `hello("world"), ${rounds} rounds of ${roundMs} ms, medians; ratios: muster's calls/s and its calls per CPU second to this one's`,
)
for (const { inFlight, peers } of summary) {
  console.log(
    `\n${inFlight} in flight`.padEnd(15) +
      ["calls/s", "ratio", "server µs", "CPU ratio"].map((title) => cell(title)).join(""),
  )
  const own = peers[0]!
  for (const { callsPerSecond, name, serverMicrosPerCall } of peers)
    console.log(
      name.padEnd(14) +
        cell(callsPerSecond) +
        cell(own.callsPerSecond / callsPerSecond, 2) +
        cell(serverMicrosPerCall, 2) +
        cell(serverMicrosPerCall / own.serverMicrosPerCall, 2),
    )
}

const of = (inFlight: number, name: PeerName) =>
  summary.find((level) => level.inFlight === inFlight)!.peers.find((peer) => peer.name === name)!
const rounded = (value: number) => Math.round(value * 100) / 100
const targets = [64, 512].flatMap((inFlight) => {
  const own = of(inFlight, "muster")
  const cpu = own.serverMicrosPerCall
  const ratio = own.callsPerSecond / of(inFlight, "bare").callsPerSecond
  return [
    { name: `server CPU per call at ${inFlight} in flight, µs`, want: "<= 8", got: rounded(cpu), met: cpu <= 8 },
    {
      name: `calls/s at ${inFlight} in flight, to a bare CBOR loop`,
      want: ">= 0.8",
      got: rounded(ratio),
      met: ratio >= 0.8,
    },
    ...(["hono", "grpc"] as const).map((name) => {
      const times = own.callsPerSecond / of(inFlight, name).callsPerSecond
      return {
        name: `calls/s at ${inFlight} in flight, to ${name}`,
        want: ">= 1",
        got: rounded(times),
        met: times >= 1,
      }
    }),
  ]
})

const report = { bench: "rpc", targets }
mkdirSync(join(here, "results"), { recursive: true })
const details = {
  ...report,
  at: new Date().toISOString(),
  machine: { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, bun: Bun.version },
  rounds,
  roundMs,
  summary,
  all: Object.fromEntries(results),
}
writeFileSync(join(here, "results/rpc.json"), `${JSON.stringify(details, null, 2)}\n`)
console.log(`\n${JSON.stringify(report)}`)
process.exit()
