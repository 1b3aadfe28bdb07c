// Push of one list to 200 simulated agents, each with a connection and a certificate of its own, by a real manager on
// SQLite: time from the push's commit to the ack. All write to the one disk of this machine, which is most of the time
// where it is slow: so the table also says how long the agents took, and what is left for manager, TLS and network.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SimulatedAgent } from "./SimulatedAgent.ts"

const agentCount = 200
const rounds = 10
const endpointCount = 20
const root = join(import.meta.dirname, "../..")
const url = "http://127.3.0.1:8800"
const service = "orders"

type Client = { readonly revision: number | null; readonly ackedAt: number | null }
type Detail = { readonly revision: number; readonly clientsList: ReadonlyArray<Client> }
type Job = { readonly startedAt: number }

// As many writes at a time as agents of their own would make: the threads for files are two on two CPUs otherwise.
if (process.env["UV_THREADPOOL_SIZE"] === undefined) {
  const env = { ...process.env, UV_THREADPOOL_SIZE: "64" }
  const again = Bun.spawnSync([process.execPath, import.meta.path], { env, stdout: "inherit", stderr: "inherit" })
  process.exit(again.exitCode)
}

const built = Bun.spawnSync([process.execPath, "scripts/build.ts"], { cwd: root, stdout: "inherit", stderr: "inherit" })
if (built.exitCode !== 0) process.exit(1)

const folder = mkdtempSync(join(tmpdir(), "muster-bench-"))
const data = join(folder, "manager")
const manager = Bun.spawn(
  [join(root, "dist/muster"), "--role=manager", `--data=${data}`, `--listen=${new URL(url).host}`],
  { stdout: Bun.file(join(folder, "manager.log")), stderr: Bun.file(join(folder, "manager.err")) },
)

const api = async <A>(method: string, path: string, body?: unknown): Promise<A> => {
  const token = readFileSync(join(data, "manager/cli-token"), "utf8").trim()
  const response = await fetch(`${url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as A
}

const until = async (what: string, condition: () => Promise<boolean>) => {
  for (let tries = 0; tries < 600; tries++) {
    if (await condition().catch(() => false)) return
    if (manager.exitCode !== null)
      throw new Error(`The manager ended: ${readFileSync(join(folder, "manager.err"), "utf8")}`)
    await Bun.sleep(100)
  }
  throw new Error(`Waited 60 s in vain for: ${what}`)
}

const endpoints = (round: number) =>
  Array.from({ length: endpointCount }, (_, index) => ({
    ip: `10.0.0.${index + 1}`,
    port: 9000,
    weight: index === 0 ? 50 + round : 100,
    status: "online",
  }))

const percentile = (sorted: ReadonlyArray<number>, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN

const connect = async () => {
  await until("the manager's page", async () => (await fetch(`${url}/api/health`)).ok)
  const { token } = await api<{ token: string }>("POST", "/tokens", { kind: "many", ttlMs: 600_000 })
  const agents = Array.from(
    { length: agentCount },
    (_, index) => new SimulatedAgent(`127.3.${1 + Math.floor(index / 100)}.${1 + (index % 100)}`, folder),
  )
  for (const agent of agents) await agent.join(url, token)
  await until(`${agentCount} connected agents`, async () => {
    const nodes = await api<ReadonlyArray<{ connection: string }>>("GET", "/nodes")
    return nodes.filter(({ connection }) => connection === "connected").length === agentCount
  })
  return agents
}

/** One release and its push to all: milliseconds to each ack. */
const measure = async (round: number, agents: ReadonlyArray<SimulatedAgent>) => {
  const { revision } = await api<Detail>("GET", `/services/${service}`)
  await api("PUT", `/services/${service}`, {
    name: service,
    description: "",
    tls: "auto",
    endpoints: endpoints(round),
    baseRevision: revision,
    override: false,
  })
  const { job } = await api<{ job: Job }>("POST", `/services/${service}/pushes?wait=10000`, {})
  const after = await api<Detail>("GET", `/services/${service}`)
  const acked = after.clientsList.filter((client) => client.revision === after.revision)
  const tookMs = acked.map(({ ackedAt }) => (ackedAt ?? Number.NaN) - job.startedAt)
  return { tookMs, durableMs: agents.map((agent) => agent.durableMs) }
}

try {
  const agents = await connect()
  await api("POST", "/services", { name: service, description: "", tls: "auto", endpoints: endpoints(0) })
  await api("POST", `/services/${service}/clients`, { ips: agents.map(({ ip }) => ip) })
  await api("POST", `/services/${service}/pushes?wait=10000`, {})

  const results = []
  for (let round = 1; round <= rounds; round++) results.push(await measure(round, agents))
  const all = results.flatMap(({ tookMs }) => tookMs).toSorted((a, b) => a - b)
  const p50 = percentile(all, 0.5)
  const p99 = percentile(all, 0.99)
  const acked = (all.length / (rounds * agentCount)) * 100

  console.log(`Push of ${endpointCount} endpoints to ${agentCount} agents, ${rounds} rounds, times in ms`)
  console.log("round  acked    p50    p99    max  agents' disk p50    p99")
  for (const [index, { tookMs, durableMs }] of results.entries()) {
    const [took, disk] = [tookMs, durableMs].map((all) => all.toSorted((a, b) => a - b))
    const cell = (ms: number | undefined, width: number) => (ms ?? Number.NaN).toFixed(0).padStart(width)
    const times = [percentile(took ?? [], 0.5), percentile(took ?? [], 0.99), took?.at(-1)].map((ms) => cell(ms, 6))
    const disks = [cell(percentile(disk ?? [], 0.5), 17), cell(percentile(disk ?? [], 0.99), 6)]
    console.log([cell(index + 1, 5), cell(tookMs.length, 6), ...times, ...disks].join(" "))
  }

  const targets = [
    { name: "p50 from commit to ack, ms", want: "<= 20", got: p50, met: p50 <= 20 },
    { name: "p99 from commit to ack, ms", want: "<= 100", got: p99, met: p99 <= 100 },
    { name: "acked, %", want: "100", got: acked, met: acked === 100 },
  ]
  const report = { bench: "push", targets }
  mkdirSync(join(import.meta.dirname, "results"), { recursive: true })
  writeFileSync(
    join(import.meta.dirname, "results/push.json"),
    `${JSON.stringify({ ...report, at: new Date().toISOString(), agentCount, rounds, endpointCount, results }, null, 2)}\n`,
  )
  console.log(JSON.stringify(report))
} finally {
  manager.kill("SIGTERM")
  await manager.exited
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
