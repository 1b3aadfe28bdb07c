import process from "node:process"
import { atMost, fixed, median, row, type Target } from "../Report.ts"
import { freePort } from "../rpc/peers/Peer.ts"
import { type Rival, sleep, untilAnswered, untilRunning } from "./Rival.ts"

type Measured = {
  readonly rival: Rival
  readonly port: number
  readonly start: Array<number>
  readonly kill: Array<number>
}

const program = "speed"

const oneRound = async ({ kill, port, rival, start }: Measured, upMs: number) => {
  const began = performance.now()
  const asked = rival.start(program)
  await untilAnswered(() => rival.call(port))
  start.push(performance.now() - began)
  await asked
  const [pid = 0] = await untilRunning(rival, program, 1)
  await sleep(upMs)
  process.kill(pid, "SIGKILL")
  // The port may still take a connection of the one that has just been killed.
  kill.push(await untilAnswered(() => rival.call(port)))
  await untilRunning(rival, program, 1)
  await rival.stop(program)
  await untilRunning(rival, program, 0)
}

/**
 * From asking for a start to the first answered call, and from a kill -9 to the first call that is answered again: one process
 * of a like program each, in turns.
 */
export const speed = async (rivals: ReadonlyArray<Rival>, rounds: number, upMs: number) => {
  const measured: Array<Measured> = []
  for (const rival of rivals) {
    const port = await freePort()
    await rival.add(program, port, 1)
    measured.push({ rival, port, start: [], kill: [] })
  }
  // The first start of each pays for what is read once.
  for (const one of measured) await oneRound(one, upMs)
  for (const { kill, start } of measured) kill.length = start.length = 0
  for (let round = 0; round < rounds; round++) for (const one of measured) await oneRound(one, upMs)

  const figures = measured.map(({ kill, rival, start }) => ({
    name: rival.name,
    startMs: median(start),
    killMs: median(kill),
    starts: start,
    kills: kill,
  }))
  const lines = [
    row("median, milliseconds", "start", "kill"),
    ...figures.map(({ killMs, name, startMs }) => row(name, fixed(startMs, 1), fixed(killMs, 1))),
  ]
  const [own, ...others] = figures
  const ratio = (of: "startMs" | "killMs") => (own?.[of] ?? Number.NaN) / Math.min(...others.map((other) => other[of]))
  const targets: ReadonlyArray<Target> = [
    atMost("start to the first answer, times the faster of the others", 1, ratio("startMs")),
    atMost("kill to the next answer, times the faster of the others", 1, ratio("killMs")),
  ]
  return { lines, targets, details: { figures } }
}
