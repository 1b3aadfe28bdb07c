import { atMost, fixed, row } from "../Report.ts"
import { cpuMicros, residentBytes } from "../Pinned.ts"
import { freePort } from "../rpc/peers/Peer.ts"
import { type Rival, sleep, untilRunning } from "./Rival.ts"

const services = 20
const workers = 2
/** What a start has used is no idling: by then the runtimes have tidied up behind it. */
const settleMs = 60_000

const measure = async (rival: Rival, watchedMs: number) => {
  for (let index = 0; index < services; index++) {
    await rival.add(`idle${index}`, await freePort(), workers)
    await rival.start(`idle${index}`)
  }
  for (let index = 0; index < services; index++) await untilRunning(rival, `idle${index}`, workers)
  await sleep(settleMs)
  const from = cpuMicros([rival.daemon])
  await sleep(watchedMs)
  const cpuPercent = ((cpuMicros([rival.daemon]) - from) / (watchedMs * 1_000)) * 100
  return { name: rival.name, rssMiB: residentBytes(rival.daemon) / 1024 ** 2, cpuPercent }
}

/** What the daemon itself takes while 20 services of 2 processes each are idle. */
export const idle = async (rivals: ReadonlyArray<Rival>, watchedMs: number) => {
  const figures = []
  for (const rival of rivals) figures.push(await measure(rival, watchedMs))
  const [own, other] = figures
  return {
    lines: [
      row(`${services} services x ${workers}, idle`, "RSS MiB", "CPU %"),
      ...figures.map(({ cpuPercent, name, rssMiB }) => row(name, fixed(rssMiB, 1), fixed(cpuPercent, 2))),
    ],
    targets: [
      atMost("agent's memory, times PM2's daemon", 1, (own?.rssMiB ?? Number.NaN) / (other?.rssMiB ?? Number.NaN)),
      atMost(
        "agent's CPU when idle, times PM2's daemon",
        1,
        (own?.cpuPercent ?? Number.NaN) / (other?.cpuPercent ?? Number.NaN),
      ),
    ],
    details: { figures },
  }
}
