import { atLeast, fixed, row } from "../../Report.ts"
import { Service, type ServiceOptions } from "../../Service.ts"
import { contest, Contestant, type Rounds } from "../Contest.ts"
import type { Section, SectionResult } from "../Section.ts"

interface Pair {
  readonly one: readonly [name: string, options: ServiceOptions]
  readonly other: readonly [name: string, options: ServiceOptions]
  /** Share of the other's calls that is wanted. */
  readonly share: number
}

const width = 64

/** The same service in two ways. */
const compare = async ({ one, other, share }: Pair, options: Rounds): Promise<SectionResult> => {
  await using first = await Service.start(one[1])
  await using second = await Service.start(other[1])
  const all = [Contestant.muster(one[0], first), Contestant.muster(other[0], second)]
  const standings = await contest(all, { width }, options)
  for (const contestant of all) await contestant.stop()
  const ratio = standings.ratio(one[0], other[0])
  const line = (name: string) =>
    row(
      name,
      fixed(
        standings.median(name, (round) => round.callsPerSecond),
        0,
      ),
      fixed(
        standings.median(name, (round) => round.serverMicrosPerCall),
        1,
      ),
    )
  return {
    lines: ["", row(`${width} in flight`, "calls/s", "server µs"), line(one[0]), line(other[0])],
    targets: [atLeast(`calls/s at ${width} in flight, ${one[0]} to ${other[0]}`, share, ratio)],
    details: standings.json,
  }
}

export const tls: Section = {
  name: "tls",
  about: "mutual TLS against plain TCP",
  run: (options) => compare({ one: ["mTLS", { tls: "on" }], other: ["plain", {}], share: 0.85 }, options),
}

export const executable: Section = {
  name: "executable",
  about: "the compiled executable against its sources",
  run: (options) => compare({ one: ["executable", {}], other: ["source", { runtime: "bun" }], share: 0.95 }, options),
}
