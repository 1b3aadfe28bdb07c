import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { Agent, Cluster, online } from "../support/cluster.ts"
import type { Runtime } from "../support/executable.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/orphans.ts")

/** A command is the first process of a namespace of process numbers, and ends with this one. */
const within = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGTERM"]
const isAllowed = Bun.which("unshare") !== null && Bun.spawnSync([...within, "true"]).exitCode === 0

const read = (pid: number, file: string) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

const parentOf = (pid: number) => Number(/\) \S (\d+) /.exec(read(pid, "stat"))?.[1] ?? 0)
const pids = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
const sleepers = (seconds: string) => pids().filter((pid) => read(pid, "cmdline") === `sleep\0${seconds}\0`)

/** Namespaces of process numbers need rights that not every container has. */
test.skipIf(!isAllowed).each([
  { runtime: "executable", net: 88 },
  { runtime: "deno", net: 89 },
] as const)(
  "an agent ($runtime) that is process 1 reaps what its services leave behind, and none of its own workers",
  async ({ net, runtime }: { net: number; runtime: Runtime }) => {
    await using cluster = new Cluster(`127.1.${net}.1`)
    await cluster.ready()
    const ip = `127.1.${net}.100`
    const agent = new Agent(ip, join(cluster.folder, ip), runtime, { within })
    cluster.agents.push(agent)
    const started = agent.start(["--join", cluster.url, "--token", await cluster.token()])
    await started.until(`${ip} is connected`, async () => (await cluster.node(ip))?.connection === "connected")
    await cluster.greeter("orphans", [online(ip, 9100)], { module, workers: 2 })

    const init = pids().find((pid) => parentOf(pid) === started.pid) ?? 0
    expect(read(init, "status")).toMatch(/^NSpid:\t\d+\t1$/m)

    const seconds = `1.5${net}`
    const { code, output } = await agent.call("orphans", "leave", "20", JSON.stringify(seconds))
    expect({ code, output }).toEqual({ code: 0, output: "20\n" })
    const orphans = await waitFor(() => {
      const found = sleepers(seconds)
      return found.length === 20 && found.every((pid) => parentOf(pid) === init) && found
    })
    await waitFor(() => orphans.every((pid) => !existsSync(`/proc/${pid}`)), { what: "the end of all orphans" })

    // A worker's end is the runtime's to be asked about: its reason is known.
    const [worker] = agent.workers()
    process.kill(worker?.pid ?? 0, "SIGKILL")
    await started.until("the worker's end is told", () => started.output.includes("killed by SIGKILL"))
    await waitFor(() => agent.workers().length === 2)

    // unshare itself lets no signal through.
    process.kill(init, "SIGTERM")
    expect(await started.exit()).toBe(0)
  },
  120_000,
)
