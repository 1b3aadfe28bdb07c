import { atLeast, fixed, row } from "../../Report.ts"
import { Service } from "../../Service.ts"
import { contest, Contestant, type Rounds, type Standings } from "../Contest.ts"
import type { Section, SectionResult } from "../Section.ts"

/** In flight on each of the sockets, and the share of the bare loop's calls that is wanted. */
const wanted: ReadonlyArray<readonly [width: number, share: number]> = [
  [1, 0.9],
  [16, 0.8],
]

const lineOf = (name: string, standings: Standings) =>
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
  )

const measure = async (options: Rounds): Promise<SectionResult> => {
  await using service = await Service.start()
  const script = "sockets.ts"
  const all = [Contestant.muster("muster", service, script), await Contestant.peer("bare", { script })]
  const results = []
  for (const [width, share] of wanted) {
    const standings = await contest(all, { width }, options)
    results.push({ width, share, standings })
  }
  for (const contestant of all) await contestant.stop()
  return {
    lines: results.flatMap(({ standings, width }) => [
      "",
      row(`16 sockets, ${width} in flight`, "calls/s", "ratio", "server µs"),
      ...standings.names.map((name) => lineOf(name, standings)),
    ]),
    targets: results.map(({ share, standings, width }) =>
      atLeast(
        `calls/s from 16 sockets with ${width} each, times the bare loop`,
        share,
        standings.ratio("muster", "bare"),
      ),
    ),
    details: Object.fromEntries(results.map(({ standings, width }) => [width, standings.json])),
  }
}

export const sockets: Section = {
  name: "sockets",
  about: "16 plain sockets with one and with 16 calls in flight each, against the bare loop",
  run: measure,
}
