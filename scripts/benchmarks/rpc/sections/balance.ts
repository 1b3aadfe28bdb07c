import { connect } from "../../../../src/client/index.ts"
import { atMost, fixed, row } from "../../Report.ts"
import { Service } from "../../Service.ts"
import { contest, Contestant, type Rounds, type Standings } from "../Contest.ts"
import type { Section, SectionResult } from "../Section.ts"
import type { Task } from "../Task.ts"

const workers = 4
const aboveMost = 5
/** Rounds hold several of the times in which the worker stands still. */
const roundMs = 4_000
const roundsMost = 3

const loads: ReadonlyArray<readonly [name: string, task: Task]> = [
  ["16 callers without pause", { width: 16, latency: true, ms: roundMs }],
  ["1,000 calls each second", { rate: 1_000, latency: true, ms: roundMs }],
]

/** One of its workers stands still for half of each second, from now on. */
const blockOne = async ({ target }: Service) => {
  const client = connect("greeter", { endpoints: [{ ip: target.host, port: target.port }], tls: "off" })
  await client.call("block")
  client.close()
}

const cells = (standings: Standings, name: string) =>
  (["p50", "p99", "max"] as const).map((figure) =>
    fixed(
      standings.median(name, (round) => round[figure]),
      2,
    ),
  )

const measure = async ({ rounds }: Rounds): Promise<SectionResult> => {
  await using healthy = await Service.start({ spec: { workers } })
  await using blocked = await Service.start({ spec: { workers } })
  await blockOne(blocked)
  const all = [Contestant.muster("healthy", healthy), Contestant.muster("one blocked", blocked)]
  const results = []
  for (const [name, task] of loads) {
    const options = { rounds: Math.min(rounds, roundsMost), ms: roundMs }
    results.push({ name, standings: await contest(all, task, options) })
  }
  for (const contestant of all) await contestant.stop()
  return {
    lines: results.flatMap(({ name, standings }) => [
      "",
      row(name, "p50 ms", "p99 ms", "max ms"),
      ...standings.names.map((contestant) => row(contestant, ...cells(standings, contestant))),
    ]),
    targets: results.map(({ name, standings }) => {
      const p99 = (contestant: string) => standings.median(contestant, (round) => round.p99)
      return atMost(`p99 above that of healthy workers, ${name}, ms`, aboveMost, p99("one blocked") - p99("healthy"))
    }),
    details: Object.fromEntries(results.map(({ name, standings }) => [name, standings.json])),
  }
}

export const balance: Section = {
  name: "balance",
  about: "4 workers, one of which is blocked for 500 ms in each second, called by one client",
  run: measure,
}
