// What keeping programs running costs, next to PM2 and supervisord: scripts/bench node [--only=SECTION,…] [--rounds=N]
// [--up=MS] [--ms=N]. Installs what it is compared with.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { logs, watch } from "./node/commands.ts"
import { idle } from "./node/idle.ts"
import { muster } from "./node/muster.ts"
import { pm2 } from "./node/pm2.ts"
import type { Rival } from "./node/Rival.ts"
import { speed } from "./node/speed.ts"
import { supervisord } from "./node/supervisord.ts"
import { busyNow, printTargets, report, type Target } from "./Report.ts"

type Result = {
  readonly lines: ReadonlyArray<string>
  readonly targets: ReadonlyArray<Target>
  readonly details: object
}

const { values } = parseArgs({
  options: { only: { type: "string" }, rounds: { type: "string" }, up: { type: "string" }, ms: { type: "string" } },
})
const rounds = Number(values.rounds ?? 15)
const upMs = Number(values.up ?? 3_000)
const ms = Number(values.ms ?? 60_000)

/** Runs it with fresh ones, which end with it. */
const among = async <R extends Rival>(
  starts: ReadonlyArray<() => Promise<R>>,
  run: (rivals: ReadonlyArray<R>) => Promise<Result>,
) => {
  const rivals: Array<R> = []
  try {
    for (const start of starts) rivals.push(await start())
    return await run(rivals)
  } finally {
    for (const rival of rivals) await rival[Symbol.asyncDispose]()
  }
}
const alone = (run: (own: Awaited<ReturnType<typeof muster>>, ms: number) => Promise<Result>) => () =>
  among([muster], async ([own]) => {
    if (own === undefined) throw new Error("it did not start")
    return await run(own, ms)
  })

const sections: Readonly<Record<string, () => Promise<Result>>> = {
  speed: () => among<Rival>([muster, pm2, supervisord], (rivals) => speed(rivals, rounds, upMs)),
  idle: () => among<Rival>([muster, pm2], (rivals) => idle(rivals, ms)),
  watch: alone(watch),
  logs: alone(logs),
}

const fail = (message: string): never => {
  console.error(message)
  process.exit(2)
}

const wanted = values.only?.split(",") ?? Object.keys(sections)
const unknown = wanted.filter((name) => sections[name] === undefined)
if (unknown.length > 0) fail(`There is no section ${unknown.join(", ")}: ${Object.keys(sections).join(", ")}`)

const run = (command: ReadonlyArray<string>) => {
  const { exitCode, stderr } = Bun.spawnSync([...command], {
    cwd: import.meta.dirname,
    stdin: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  })
  if (exitCode !== 0) fail(`Cannot install what is compared with: ${command.join(" ")}\n${stderr.toString()}`)
}
run([process.execPath, "install", "--frozen-lockfile"])
if (!existsSync("/usr/bin/supervisord")) {
  console.log("Installing the Debian package supervisor…")
  run(["apt-get", "update"])
  run(["apt-get", "install", "-y", "--no-install-recommends", "supervisor"])
}
run([process.execPath, join(import.meta.dirname, "../build.ts")])

const busy = await busyNow()
console.log(`Other programs use ${(busy * 100).toFixed(0)} % of the CPUs at the start\n`)
const targets: Array<Target> = []
const details: Record<string, object> = {}
for (const name of wanted) {
  const result = await sections[name]?.()
  if (result === undefined) continue
  for (const line of result.lines) console.log(line)
  console.log("")
  targets.push(...result.targets)
  details[name] = result.details
}
printTargets(targets)
report(values.only === undefined ? "node" : `node-${wanted.join("-")}`, targets, {
  rounds,
  upMs,
  ms,
  busyAtStart: busy,
  sections: details,
})
process.exit()
