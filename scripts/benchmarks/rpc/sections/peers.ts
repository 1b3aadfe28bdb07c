import { atLeast, atMost, fixed, row, type Target } from "../../Report.ts"
import { Service } from "../../Service.ts"
import { contest, Contestant, type Rounds, type Standings } from "../Contest.ts"
import type { Section, SectionResult } from "../Section.ts"

const widths = [1, 64, 512] as const
type Width = (typeof widths)[number]

/** Times as fast as these, at so many calls in flight. */
const wanted: ReadonlyArray<readonly [peer: string, at64: number, at512: number]> = [
  ["grpc", 12, 15],
  ["moleculer", 2.5, 3.5],
  ["nats", 3, 3.5],
  ["hono", 2.5, 10],
]
/** `hono-socket`, the same server under a client that nobody would write, is for information. */
const others = ["bare", "grpc", "moleculer", "nats", "hono", "hono-socket"] as const
const bareShare = 0.8
const serverMicrosMost = 8
/** Two that are the same differ by so much from run to run. */
const par = 0.97

const table = (width: Width, standings: Standings): ReadonlyArray<string> => [
  "",
  row(`${width} in flight`, "calls/s", "ratio", "server µs", "client µs"),
  ...standings.names.map((name) =>
    row(
      name,
      fixed(
        standings.median(name, (round) => round.callsPerSecond),
        0,
      ),
      fixed(standings.ratio("muster", name), 2),
      fixed(
        standings.median(name, (round) => round.serverMicrosPerCall),
        1,
      ),
      fixed(
        standings.median(name, (round) => round.clientMicrosPerCall),
        1,
      ),
    ),
  ),
]

const targetsOf = (standings: ReadonlyMap<Width, Standings>): ReadonlyArray<Target> => {
  const ratio = (width: Width, name: string) => standings.get(width)?.ratio("muster", name) ?? Number.NaN
  const fastest = wanted
    .map(([name]) => ({ name, times: ratio(1, name) }))
    .reduce((one, other) => (other.times < one.times ? other : one))
  const micros = standings.get(64)?.median("muster", (round) => round.serverMicrosPerCall) ?? Number.NaN
  return [
    ...wanted.flatMap(([name, at64, at512]) => [
      atLeast(`calls/s at 64 in flight, times ${name}`, at64, ratio(64, name)),
      atLeast(`calls/s at 512 in flight, times ${name}`, at512, ratio(512, name)),
    ]),
    atLeast(`calls/s at 1 in flight, times the fastest of them (${fastest.name})`, par, fastest.times),
    ...widths.map((width) =>
      atLeast(`calls/s at ${width} in flight, times a bare CBOR loop`, bareShare, ratio(width, "bare")),
    ),
    atMost("server CPU per call at 64 in flight, µs", serverMicrosMost, micros),
  ]
}

const measure = async (options: Rounds): Promise<SectionResult> => {
  await using service = await Service.start()
  const peers = await Promise.all(
    others.map((name) => Contestant.peer(name, { runtime: name === "moleculer" ? "node" : "bun" })),
  )
  const all = [Contestant.muster("muster", service), ...peers]
  const standings = new Map<Width, Standings>()
  for (const width of widths) standings.set(width, await contest(all, { width }, options))
  for (const contestant of all) await contestant.stop()
  return {
    lines: [...standings].flatMap(([width, standing]) => table(width, standing)),
    targets: targetsOf(standings),
    details: Object.fromEntries([...standings].map(([width, { json }]) => [width, json])),
  }
}

export const peers: Section = {
  name: "peers",
  about: "hello(\"world\") from one client process to one server process; ratio: muster's calls/s to this one's",
  run: measure,
}
