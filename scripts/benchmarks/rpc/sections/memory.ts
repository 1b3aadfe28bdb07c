import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { cores, Pinned, residentBytes } from "../../Pinned.ts"
import { atMost, fixed, row } from "../../Report.ts"
import { Service } from "../../Service.ts"
import { Contestant } from "../Contest.ts"
import type { Section, SectionResult } from "../Section.ts"

const MB = 1e6
/** A runtime gives back what it no longer needs after a while. */
const settleMs = 3_000
const counts = { first: 100_000, last: 1_000_000 } as const
const growthMost = 1.1
const idleConnections = 5_000
const idleMostMB = 60

const settled = async (pid: number) => {
  await sleep(settleMs)
  return residentBytes(pid)
}

const ofCalls = async (): Promise<SectionResult> => {
  await using service = await Service.start()
  const { worker } = service
  const load = Contestant.muster("muster", service)
  await load.measure({ width: 64, calls: counts.first })
  const first = await settled(worker)
  await load.measure({ width: 64, calls: counts.last - counts.first })
  const last = await settled(worker)
  await load.stop()
  return {
    lines: [
      "",
      row("calls", "RSS in MB"),
      row(String(counts.first), fixed(first / MB, 1)),
      row(String(counts.last), fixed(last / MB, 1)),
    ],
    targets: [atMost("memory of a worker after 1,000,000 calls, times that after 100,000", growthMost, last / first)],
    details: { first, last },
  }
}

const ofConnections = async (): Promise<SectionResult> => {
  await using service = await Service.start()
  const { target, worker } = service
  const script = join(import.meta.dirname, "../idle.ts")
  const client = new Pinned(cores.load, [process.execPath, script, JSON.stringify(target)])
  // The first ones load what any connection needs.
  await client.ask("10")
  const none = await settled(worker)
  await client.ask(String(idleConnections))
  const all = await settled(worker)
  await client.stop()
  return {
    lines: [
      "",
      row("idle connections", "RSS in MB"),
      row("10", fixed(none / MB, 1)),
      row(String(idleConnections), fixed(all / MB, 1)),
    ],
    targets: [atMost(`memory of ${idleConnections} idle connections, MB`, idleMostMB, (all - none) / MB)],
    details: { none, all },
  }
}

export const memory: Section = {
  name: "memory",
  about: "what a worker's resident memory grows by with calls and with idle connections",
  run: async () => {
    const parts = [await ofCalls(), await ofConnections()]
    return {
      lines: parts.flatMap(({ lines }) => lines),
      targets: parts.flatMap(({ targets }) => targets),
      details: { calls: parts[0]?.details, connections: parts[1]?.details },
    }
  },
}
