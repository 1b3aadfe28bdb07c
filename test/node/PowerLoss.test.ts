import { expect, setDefaultTimeout, test } from "bun:test"
import { Effect, Logger } from "effect"
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { ProcessSet, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { Disk, readState, stateText } from "../../src/node/Disk.ts"
import { makeRunFolder } from "../../src/node/running/RunFolder.ts"
import { openTaskStore } from "../../src/node/tasks/TaskStore.ts"
import { currentBootId } from "../../src/platform/ProcessTable.ts"
import { nodeMethods } from "../../src/protocol/NodeManager.ts"
import { encode } from "../../src/protocol/Encode.ts"
import { freePort, sweep, temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { AgentProcess } from "./AgentProcess.ts"
import { cronOf, cronTask, shell } from "./cron/CronNode.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const ip = "127.43.4.1"
const run = <A>(effect: Effect.Effect<A, unknown, Disk>) =>
  Effect.runPromise(effect.pipe(Effect.provide([Disk.layer, Logger.layer([])]), Effect.orDie) as Effect.Effect<A>)

const temporaryOf = (path: string) => join(dirname(path), `.${basename(path)}.0123456789abcdef.tmp`)

/** What a loss of power may leave of a write: the new file cut off anywhere, or whole and not in place yet; or in place. */
const lossesOf = (path: string, before: string, after: string, use: (isWritten: boolean) => Promise<void>) => {
  const cuts = [0, 1, Math.floor(after.length / 2), after.length - 1, after.length]
  const steps = cuts.map((bytes) => async () => {
    writeFileSync(path, before)
    writeFileSync(temporaryOf(path), after.slice(0, bytes))
    await use(false)
  })
  const last = async () => {
    writeFileSync(temporaryOf(path), after)
    renameSync(temporaryOf(path), path)
    await use(true)
  }
  return [...steps, last].reduce((all, step) => all.then(step), Promise.resolve())
}

test("no write of a state file that power was lost at leaves anything but the old state or the new one", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "processes.json")
  const listen = { ip, port: 9_000 }
  const set = (revision: number) =>
    stateText({ revision, processes: [assignment(listen, "/srv/a.ts", { specRevision: revision })] })
  await lossesOf(path, set(1), set(2), async (isWritten) => {
    const state = await run(
      Effect.gen(function* () {
        const disk = yield* Disk
        yield* disk.list(folder.path)
        return yield* readState(path, ProcessSet)
      }),
    )
    expect(state?.revision).toBe(isWritten ? 2 : 1)
    expect(readdirSync(folder.path)).toEqual(["processes.json"])
  })
})

test("of records of runs none is read by half, and none of before the reboot at all", async () => {
  using folder = temporaryFolder()
  const files = makeRunFolder(folder.path)
  const record = {
    run: "run-1",
    mark: "k/greeter/0/run-1",
    bootId: currentBootId(),
    set: "greeter",
    kind: "calls",
    slot: 0,
    count: 1,
    startedAt: 1,
    hasSocket: true,
    isUp: false,
    isLeaving: false,
    assignment: assignment({ ip, port: 9_000 }, "/srv/a.ts"),
  } as const
  const path = join(folder.path, "run-1.run")
  const text = JSON.stringify({ ...record, isUp: true })
  for (let bytes = 0; bytes <= text.length; bytes += 7) {
    files.writeRun(record)
    writeFileSync(`${path}.new`, text.slice(0, bytes))
    expect(await run(files.runs)).toMatchObject([{ isUp: false }])
    expect(existsSync(`${path}.new`)).toBe(false)
  }
  // The folder itself may have lost what was not written through: then the records are of another boot, or cut off.
  files.writeRun({ ...record, bootId: "before" })
  expect(await run(files.runs)).toEqual([])
  writeFileSync(path, text.slice(0, 40))
  expect(await run(files.runs)).toEqual([])
  expect(readdirSync(folder.path)).toEqual([])
})

test("of the queue of tasks no commit is half there, wherever its file was cut off", async () => {
  using folder = temporaryFolder()
  const from = join(folder.path, "from.db")
  const path = join(folder.path, "tasks.db")
  const task = (id: string) => ({
    id,
    name: "greeter",
    task: "send",
    attempts_max: 3,
    timeout_ms: 1_000,
    due_at: 1,
    queued_at: 1,
    traceparent: null,
  })
  const all = (file: string) =>
    run(
      Effect.scoped(
        Effect.map(openTaskStore(file), (store) => store.page("greeter", "waiting", "", 100).map(({ id }) => id)),
      ),
    )
  // Copied while it is open: the log of writes is all there is of them then.
  await run(
    Effect.scoped(
      Effect.map(openTaskStore(from), (store) => {
        for (const pair of [
          ["a1", "a2"],
          ["b1", "b2"],
          ["c1", "c2"],
        ])
          store.transaction(() => {
            for (const id of pair) store.insert(task(id), encode("x".repeat(500)))
          })
        copyFileSync(from, `${path}.whole`)
        copyFileSync(`${from}-wal`, `${path}-wal.whole`)
      }),
    ),
  )
  const bytes = readFileSync(`${path}-wal.whole`).length
  const known = new Set<number>()
  for (let cut = bytes; cut >= 0; cut -= 701) {
    for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true })
    copyFileSync(`${path}.whole`, path)
    copyFileSync(`${path}-wal.whole`, `${path}-wal`)
    truncateSync(`${path}-wal`, cut)
    const ids = await all(path)
    expect(ids).toEqual(["a1", "a2", "b1", "b2", "c1", "c2"].slice(0, ids.length))
    expect(ids.length % 2).toBe(0)
    known.add(ids.length)
  }
  expect(known).toEqual(new Set([6, 4, 2, 0]))
})

test("a node whose power was lost in the middle of its writes starts with its last whole state, and runs nothing twice", async () => {
  await using node = await new TestNode().join()
  const listen = { ip, port: await freePort(ip) }
  const agent = await AgentProcess.start(node)
  const rpc = { ...defaultRpcSettings, taskWorkers: 1 }
  const path = node.module("a.js", "export const whoami = () => process.pid\nexport const tasks = { work: () => {} }")
  await node.apply(1, assignment(listen, path, { ...specDefaults, tls: "off", rpc }))
  const before = await node.running(2)
  await node.list(listen)
  sweep(node.dataDir)
  await agent.end("SIGKILL")
  await waitFor(() => node.left().length === 0)

  for (const name of ["processes.json", "trust.json", "discovery/greeter.json", "cron.json"])
    writeFileSync(temporaryOf(node.path(name)), '{ "revision": 2, "proc')
  for (const name of readdirSync(node.path("run")).filter((name) => name.endsWith(".run")))
    edit(node.path("run", name), (record) => ({ ...record, bootId: "before" }))
  writeFileSync(node.path("run", "half.run.new"), '{"run":')

  await using _next = await AgentProcess.start(node)
  const after = await node.running(2)
  expect(after.filter((pid) => before.includes(pid))).toEqual([])
  expect(node.left().filter(({ role }) => role === "worker")).toHaveLength(3)
  expect((await node.status()).processesRevision).toBe(1)
  expect(after).toContain((await callOnce(listen.port, "whoami", [], undefined, ip)) as number)
  expect(readdirSync(node.dataDir).filter((name) => name.endsWith(".tmp"))).toEqual([])
})

const edit = (path: string, change: (record: Record<string, unknown>) => Record<string, unknown>) =>
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>)))

test("a cron history that was cut off anywhere keeps no agent from its start, and no task from its runs", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const mark = node.path("mark")
  const [database, log] = [node.path("cron.db"), node.path("cron.db-wal")]
  const ran = () => (existsSync(mark) ? readFileSync(mark).length : 0)
  const begin = await AgentProcess.start(node)
  await cron.apply(
    1,
    cronTask("each", { schedule: { kind: "interval", everySeconds: 1 }, action: shell(`printf x >> ${mark}`) }),
  )
  await waitFor(() => ran() >= 2, { timeoutMs: 30_000 })
  await begin.end("SIGKILL")
  const whole = [database, log].map((path) => [path, readFileSync(path)] as const)
  const cuts = whole.flatMap(([path, { length }]) =>
    [0, 100, Math.floor(length / 2), length - 1].map((at) => [path, at] as const),
  )
  for (const [path, at] of cuts) {
    for (const [place, bytes] of whole) writeFileSync(place, place === path ? bytes.subarray(0, at) : bytes)
    const before = ran()
    await using agent = await AgentProcess.start(node)
    await waitFor(() => ran() > before, { timeoutMs: 30_000, what: `a run after ${path} was cut off at ${at}` })
    await agent.end("SIGKILL")
  }
}, 120_000)

test("nothing that was acked is gone or older after agent and services were killed together, at whatever moment", async () => {
  await using node = await new TestNode().join()
  const path = node.module("greeter.ts", `export const hello = () => "hello"`)
  const endpoints = [{ ip, port: 9_100, weight: 100, status: "online" }]
  const acked = { list: 0, spec: 0 }
  let revision = 0
  for (let kill = 0; kill < 12; kill++) {
    await using agent = await AgentProcess.start(node)
    const { lists, processes } = await node.status()
    expect(lists.find(({ service }) => service === "greeter")?.revision ?? 0).toBeGreaterThanOrEqual(acked.list)
    expect(processes[0]?.specRevision ?? 0).toBeGreaterThanOrEqual(acked.spec)
    const until = performance.now() + Math.random() * 150
    const push = async () => {
      for (;;) {
        revision += 1
        const list = { service: "greeter", revision, tls: "auto", endpoints, releasedAt: 0, releasedBy: "test" }
        await node.call(nodeMethods.applyList, { list })
        acked.list = revision
        await node.apply(revision, assignment({ ip, port: await freePort() }, path, { specRevision: revision }))
        acked.spec = revision
      }
    }
    const pushing = push().catch(() => undefined)
    await waitFor(() => performance.now() > until)
    await agent.end("SIGKILL")
    sweep(node.dataDir)
    await pushing
  }
  expect(acked.spec).toBeGreaterThan(12)
}, 120_000)
