import { describe, expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import type { Crashes, CrashReport, ProcessInspection } from "../../../src/protocol/ProcessMessages.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import { assignment, TestNode } from "../TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.46.2.1", port: await freePort("127.46.2.1") })

const module = `
export const pid = () => process.pid
export const segfault = () => { process.kill(process.pid, "SIGSEGV"); return new Promise(() => {}) }
export const leave = (code) => { console.error("about to leave with", code); setTimeout(() => process.exit(code), 50); return new Promise(() => {}) }
export const slow = (ms) => Bun.sleep(ms)
export const fork = () => { const child = Bun.spawn(["sleep", "300"]); return child.pid }
`

const call = async (listen: { ip: string; port: number }, method: string, args: ReadonlyArray<unknown> = []) => {
  const connection = await RpcConnection.open({ to: { host: listen.ip, port: listen.port }, client: "test" })
  try {
    return await connection.call(method, args, { timeoutMs: 100_000 })
  } finally {
    connection.close()
  }
}

const crashesOf = async (node: TestNode, name: string) =>
  ((await node.call(nodeMethods.listCrashes, { name })) as Crashes).crashes

const reportOf = async (node: TestNode, id: string) => (await node.call(nodeMethods.getCrash, { id })) as CrashReport

describe("a worker that ends unasked", () => {
  test("by a signal leaves a report with its open calls, its figures and its revision", async () => {
    await using node = await started()
    const listen = await local()
    const spec = assignment(listen, node.module("work.js", module), { workers: 1, specRevision: 7 })
    await node.apply(1, spec)
    const [pid] = await node.running(1)
    const slow = call(listen, "slow", [60_000]).catch(() => undefined)
    // A sample has been taken.
    await waitFor(async () => {
      const look = (await node.call(nodeMethods.inspectProcess, { name: spec.name })) as ProcessInspection
      return (look.instances[0]?.usage?.rssBytes ?? 0) > 0
    })
    await call(listen, "segfault").catch(() => undefined)
    await slow
    const [crash, ...more] = await waitFor(async () => {
      const all = await crashesOf(node, spec.name)
      return all.length > 0 && all
    })
    expect(more).toEqual([])
    expect(crash).toMatchObject({
      name: spec.name,
      kind: "calls",
      slot: 0,
      pid,
      code: null,
      signal: "SIGSEGV",
      outOfMemory: false,
      reason: "killed by SIGSEGV",
      specRevision: 7,
      lastGoodRevision: null,
    })
    const report = await reportOf(node, crash?.id ?? "")
    expect(report.openCalls.map(({ method }) => method).toSorted()).toEqual(["segfault", "slow"])
    // The one that ended it was too young for any report.
    expect(report.openCalls.map(({ remote }) => remote)).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ])
    expect(report.openCallCount).toBe(2)
    expect(report.openCalls.find(({ method }) => method === "slow")?.ageMs).toBeGreaterThan(0)
    expect(report.samples.length).toBeGreaterThan(0)
    expect(report.samples[0]?.rssBytes).toBeGreaterThan(1024 ** 2)
    const { crashes } = await node.process()
    expect(crashes.count).toBe(1)
    expect(Math.abs((crashes.lastAt ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  test("by an exit code leaves a report that outlives the agent; a damaged one hides none of the others", async () => {
    await using node = await started()
    const listen = await local()
    const spec = assignment(listen, node.module("work.js", module), { workers: 1 })
    await node.apply(1, spec)
    await node.running(1)
    await call(listen, "leave", [3]).catch(() => undefined)
    await waitFor(async () => (await crashesOf(node, spec.name)).length === 1)
    await node.running(1)
    await call(listen, "leave", [4]).catch(() => undefined)
    await waitFor(async () => (await crashesOf(node, spec.name)).length === 2)
    const [newest] = await crashesOf(node, spec.name)
    const { log } = await reportOf(node, newest?.id ?? "")
    expect(log.some(({ stream, text }) => stream === "err" && text.includes("about to leave with 4"))).toBe(true)
    await node.stop()
    const folder = node.path("crashes", spec.name)
    const [first] = readdirSync(folder).toSorted()
    writeFileSync(`${folder}/${first}`, '{"id": "half')
    await node.start()
    const [crash, ...more] = await crashesOf(node, spec.name)
    expect(more).toEqual([])
    expect(crash).toMatchObject({ code: 4, signal: null, reason: "exited with code 4" })
    expect(readdirSync(folder)).toContain(`${first}.corrupt`)
    expect((await node.process()).crashes.count).toBe(1)
    expect(await node.call(nodeMethods.getCrash, { id: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }).catch(String)).toContain(
      "this node has no crash report",
    )
  })

  test("a stop, a reload and a module that can't start do not fill the book", async () => {
    await using node = await started()
    const listen = await local()
    const path = node.module("work.js", module)
    const spec = assignment(listen, path, { workers: 1 })
    await node.apply(1, spec)
    await node.running(1)
    expect((await node.reload(spec.name)).outcome).toBe("done")
    await node.apply(2, { ...spec, spec: { ...spec.spec, desired: "stopped" } })
    await waitFor(async () => (await node.process()).workers.length === 0)
    expect(await crashesOf(node, spec.name)).toEqual([])
    node.module("work.js", `throw new Error("not today")`)
    await node.apply(3, { ...spec, specRevision: 2 })
    await waitFor(async () => ((await node.process()).workers[0]?.restarts ?? 0) >= 3, { timeoutMs: 30_000 })
    const [crash, ...more] = await crashesOf(node, spec.name)
    expect(more).toEqual([])
    expect(crash?.reason).toContain("not today")
    expect(crash?.specRevision).toBe(2)
  })
})

test("what a worker has started is in its figures and its tree, and counts against its memory", async () => {
  await using node = await started()
  const listen = await local()
  const spec = assignment(listen, node.module("work.js", module), { workers: 1 })
  await node.apply(1, spec)
  const [pid] = await node.running(1)
  const child = (await call(listen, "fork")) as number
  const look = async () => {
    const { instances, portHolder } = (await node.call(nodeMethods.inspectProcess, {
      name: spec.name,
    })) as ProcessInspection
    expect(portHolder).toBeNull()
    return instances[0]
  }
  const seen = await waitFor(async () => {
    const one = await look()
    return one?.usage?.processes === 2 && one
  })
  expect(seen.pid).toBe(pid ?? 0)
  expect(seen.tree.map((row) => row.pid)).toEqual([pid ?? 0, child])
  expect(seen.tree[1]?.command).toBe("sleep 300")
  expect(seen.leaving).toEqual([])
  const rss = seen.usage?.rssBytes ?? 0
  expect(rss).toBeGreaterThan(seen.tree[0]?.rssBytes ?? 0)
  const rpc = { ...defaultRpcSettings, maxRssBytes: Math.round(rss / 2) }
  await node.apply(2, { ...spec, spec: { ...spec.spec, kind: "module", rpc } as typeof spec.spec, specRevision: 2 })
  await waitFor(() => /to be replaced: it has \d+\.\d MiB of memory/.test(node.logs), { timeoutMs: 30_000 })
})

test("why it is still stopping: the call that it waits for, for how long, and when it is killed", async () => {
  await using node = await started()
  const listen = await local()
  const spec = assignment(listen, node.module("work.js", module), { workers: 1, drainTimeoutMs: 60_000 })
  await node.apply(1, spec)
  const [pid] = await node.running(1)
  const slow = call(listen, "slow", [300_000]).catch(() => undefined)
  await Bun.sleep(1_500)
  await node.apply(2, { ...spec, spec: { ...spec.spec, desired: "stopped" } })
  const leaver = await waitFor(async () => {
    const { instances } = (await node.call(nodeMethods.inspectProcess, { name: spec.name })) as ProcessInspection
    const found = instances[0]?.leaving[0]
    return found !== undefined && found.openCallCount > 0 && found
  })
  expect(leaver.pid).toBe(pid ?? 0)
  expect(leaver.elapsedMs).toBeGreaterThanOrEqual(0)
  expect(leaver.killInMs).toBeGreaterThan(30_000)
  expect(leaver.openCalls[0]?.method).toBe("slow")
  expect(leaver.openCalls[0]?.ageMs).toBeGreaterThan(500)
  expect(leaver.processes[0]?.pid).toBe(pid ?? 0)
  process.kill(pid ?? 0, "SIGKILL")
  await slow
})

test("reports of a service that was taken off the node stay for ever, or those of one that runs go", async () => {
  await using node = await new TestNode().join()
  const listen = await local()
  const spec = assignment(listen, node.module("work.js", module), { workers: 1 })
  const day = 86_400_000
  const write = (set: string, daysAgo: number) => {
    const time = Date.now() - daysAgo * day
    const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    const id = Array.from({ length: 10 }, (_, at) => letters[Math.floor(time / 32 ** (9 - at)) % 32]).join("")
    mkdirSync(node.path("crashes", set), { recursive: true })
    writeFileSync(node.path("crashes", set, `${id}${"0".repeat(16)}.json`), "{}")
    writeFileSync(node.path("crashes", set, "good.json"), `{"revision":1}`)
  }
  write("shop@1", 31)
  write("store@1", 29)
  write(spec.name, 31)
  await node.start()
  expect(readdirSync(node.path("crashes"))).toContain("shop@1")
  await node.apply(1, spec)
  await waitFor(() => !readdirSync(node.path("crashes")).includes("shop@1"))
  expect(readdirSync(node.path("crashes")).toSorted()).toEqual([spec.name, "store@1"].toSorted())
})
