import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { chmodSync } from "node:fs"
import { type ProcessRow, processRow, ProcessTable } from "../../src/platform/ProcessTable.ts"
import { Cluster } from "../support/cluster.ts"
import { run } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const node = "127.41.2.100"
let cluster: Cluster
beforeAll(async () => {
  cluster = new Cluster("127.41.2.1")
  chmodSync(cluster.folder, 0o755)
  await cluster.ready()
  await cluster.join(node, "executable", ["--gateway=off"])
})
afterAll(() => cluster[Symbol.asyncDispose]())

const agent = () => cluster.agents[0]!.process!.pid
const start = async (name: string, spec: Record<string, unknown>) => {
  await cluster.api.create(name, [])
  await cluster.api.call("PUT", `/services/${name}/process`, {
    kind: "command",
    nodes: [node],
    startMs: 100,
    drainTimeoutMs: 500,
    ...spec,
  })
}
const found = (command: string) =>
  waitFor(() => [...ProcessTable.read().rows].find((row) => row.command === command), { timeoutMs: 30_000 })
const isGone = (row: ProcessRow) => processRow(row.pid)?.is(row.identity) !== true

test.skipIf(process.getuid?.() !== 0)(
  "a command runs as its user, with its limits, started by the executable",
  async () => {
    const shell = "test $(ulimit -n) = 321 && test $(umask) = 0077 && exec sleep 410911"
    await start("limited", { command: { shell }, user: "nobody", umask: "077", rlimits: { nofile: 321 } })
    const row = await found("sleep 410911")
    expect(row.uid).toBe(65_534)
    expect(row.parent).toBe(agent())
    expect(row.session).toBe(row.pid)
  },
)

test("what leaves its parents becomes the agent's child, is ended with its service, and leaves no zombie", async () => {
  const shell = "(trap '' TERM; setsid sleep 410912 &) ; (setsid sleep 0.2 &) ; exec sleep 410913"
  await start("forker", { command: { shell } })
  const [left, main] = [await found("sleep 410912"), await found("sleep 410913")]
  await waitFor(() => processRow(left.pid)?.parent === agent())
  await cluster.api.call("POST", "/services/forker/stop", {})
  await waitFor(() => isGone(left) && isGone(main), { timeoutMs: 30_000 })
  await waitFor(
    () =>
      ProcessTable.read()
        .childrenOf(agent())
        .every((row) => !row.hasEnded),
    { timeoutMs: 30_000 },
  )
})

test("what a command without an endpoint says is shown, of all nodes that run it", async () => {
  await start("talker", { command: { shell: "echo here I am; exec sleep 410915" } })
  await found("sleep 410915")
  const said = await waitFor(async () => {
    const { output } = await run(["logs", "talker", "--data", cluster.data, "--url", cluster.url])
    return output.includes("here I am") && output
  })
  expect(said).toContain("/0")
  const { nodes } = await cluster.api.call<{ nodes: ReadonlyArray<object> }>("GET", "/services/talker/logs/files")
  expect(nodes).toHaveLength(1)
})

test("an agent that ends takes its commands with it", async () => {
  await start("last", { command: { argv: ["sleep", "410914"] } })
  const row = await found("sleep 410914")
  await cluster.agents[0]!.stop()
  await waitFor(() => isGone(row))
})
