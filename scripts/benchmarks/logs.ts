// Whether each line is there once after many rotations, and after kills of the one that writes them; and what taking them
// costs: scripts/bench logs [--lines=1000000] [--rotations=200] [--kills=20]
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createReadStream, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { Fifos } from "../../src/platform/Fifo.ts"
import { Pump } from "../../src/node/logs/Pump.ts"
import { filesOf } from "../../test/node/logs/TestPump.ts"
import { temporaryFolder } from "../../test/support/muster.ts"
import { waitFor } from "../../test/support/waitFor.ts"
import { cpuMicros } from "./Pinned.ts"
import { atLeast, atMost, printTargets, report } from "./Report.ts"

const { values } = parseArgs({
  options: { lines: { type: "string" }, rotations: { type: "string" }, kills: { type: "string" } },
})
const lines = Number(values.lines ?? 1_000_000)
const rotations = Number(values.rotations ?? 200)
const kills = Number(values.kills ?? 20)
const text = "of what a service has to say while it works"
const lineBytes = `${lines} ${text}\n`.length
const maxBytes = Math.max(64 * 1024, Math.floor((lines * (lineBytes - 1)) / (rotations + 10)))

using folder = temporaryFolder("muster-bench-logs-")
const [pipes, logs] = [join(folder.path, "run"), join(folder.path, "logs")]
mkdirSync(pipes)
mkdirSync(logs)
const [said, go] = [join(logs, "said"), join(logs, "go")]

const fifos = await Fifos.load()
const first = new Pump({
  fifos,
  make: (path) => fifos.make(path),
  pipes,
  folderOf: (name) => join(logs, name),
  limitsOf: () => ({ maxBytes, maxAgeMs: 0 }),
  rotated: () => undefined,
  came: () => undefined,
})
const sink = first.sink("talker", "0")
const print = `seq -f '%.0f ${text}' ${lines}; touch ${said}; while [ ! -e ${go} ]; do sleep 0.05; done`
const service = spawn("sh", ["-c", print], { stdio: ["ignore", sink.out, sink.err] })
const ended = once(service, "exit")
sink.close()
first.close()

const fixture = join(import.meta.dirname, "../../test/node/logs/fixtures/pump.ts")
const pumping = async () => {
  const child = spawn(process.execPath, [fixture, pipes, logs, `${maxBytes}`], { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout, "data")
  return child
}

const startedAt = performance.now()
let killed = 0
while (killed < kills && !existsSync(said)) {
  const child = await pumping()
  const gone = once(child, "exit")
  await Bun.sleep(Math.random() * 30)
  child.kill("SIGKILL")
  await gone
  killed++
}
const last = await pumping()
const before = cpuMicros([last.pid ?? 0])
await waitFor(() => existsSync(said), { timeoutMs: 600_000 })
writeFileSync(go, "")
await ended
await waitFor(() => readdirSync(pipes).length === 0, { timeoutMs: 60_000 })
const cpuMs = (cpuMicros([last.pid ?? 0]) - before) / 1_000
last.kill("SIGKILL")

const files = filesOf(join(logs, "talker"), "0.out")
let expected = 0
let wrong = 0
for (const name of files) {
  for await (const line of createInterface({ input: createReadStream(join(logs, "talker", name)) })) {
    if (line !== `${++expected} ${text}`) {
      wrong++
      expected = Number.parseInt(line, 10) || expected
    }
  }
}
console.log(
  `${lines} lines in ${files.length} files, ${killed} kills, ${((performance.now() - startedAt) / 1_000).toFixed(1)} s; CPU of the last that took them: ${cpuMs.toFixed(0)} ms\n`,
)
const targets = [
  atLeast("files put aside", rotations, files.length - 1),
  atLeast("lines", lines, expected),
  atMost("lines lost, split or doubled", 0, wrong),
]
printTargets(targets)
report("logs", targets, { lines, rotations: files.length - 1, kills: killed, wrong, cpuMs })
process.exit()
