// What a call costs, and against what else: scripts/bench rpc [--only=SECTION,…] [--rounds=N] [--ms=N]. Servers on one core,
// load on the other, rounds interleaved, medians.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { busyNow, printTargets, report, type Target } from "./Report.ts"
import type { Section } from "./rpc/Section.ts"
import { balance } from "./rpc/sections/balance.ts"
import { memory } from "./rpc/sections/memory.ts"
import { executable, tls } from "./rpc/sections/pairs.ts"
import { peers } from "./rpc/sections/peers.ts"
import { sockets } from "./rpc/sections/sockets.ts"

const sections: ReadonlyArray<Section> = [peers, sockets, tls, executable, balance, memory]

const fail = (message: string): never => {
  console.error(message)
  process.exit(2)
}

const chosen = (only: string | undefined): ReadonlyArray<Section> => {
  if (only === undefined) return sections
  const names = only.split(",")
  const unknown = names.filter((name) => !sections.some((section) => section.name === name))
  if (unknown.length === 0) return sections.filter(({ name }) => names.includes(name))
  const known = sections.map(({ about, name }) => `  ${name.padEnd(12)}${about}`)
  return fail(`There is no section ${unknown.join(", ")}:\n${known.join("\n")}`)
}

const run = (command: ReadonlyArray<string>) => {
  const { exitCode, stderr } = Bun.spawnSync([...command], {
    cwd: import.meta.dirname,
    stdin: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  })
  if (exitCode !== 0) fail(`Cannot install what is compared with: ${command.join(" ")}\n${stderr.toString()}`)
}

const hasBroker = () => Bun.which("nats-server") !== null || existsSync("/usr/sbin/nats-server")

const install = () => {
  run([process.execPath, "install", "--frozen-lockfile"])
  if (hasBroker()) return
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null)
    fail("nats-server is missing: install the Debian package nats-server, or run this as root on Debian")
  console.log("Installing the Debian package nats-server…")
  run(["apt-get", "update"])
  run(["apt-get", "install", "-y", "--no-install-recommends", "nats-server"])
}

const { values } = parseArgs({
  options: { only: { type: "string" }, rounds: { type: "string" }, ms: { type: "string" } },
})
const options = { rounds: Number(values.rounds ?? 5), ms: Number(values.ms ?? 1_000) }
const wanted = chosen(values.only)
if (wanted.includes(peers)) install()
run([process.execPath, join(import.meta.dirname, "../build.ts")])

const busy = await busyNow()
console.log(`Other programs use ${(busy * 100).toFixed(0)} % of the CPUs at the start`)
const targets: Array<Target> = []
const details: Record<string, object> = {}
for (const section of wanted) {
  console.log(`\n── ${section.name}: ${section.about}`)
  const result = await section.run(options)
  for (const line of result.lines) console.log(line)
  targets.push(...result.targets)
  details[section.name] = result.details
}

console.log("")
printTargets(targets)
// A part of the comparison does not take the place of the whole.
report(values.only === undefined ? "rpc" : `rpc-${wanted.map(({ name }) => name).join("-")}`, targets, {
  ...options,
  busyAtStart: busy,
  sections: details,
})
process.exit()
