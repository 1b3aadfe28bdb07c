import { expect, setDefaultTimeout, test } from "bun:test"
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { Schema } from "effect"
import { CommandSpec, type ProcessAssignment } from "../../../src/domain/ProcessSpec.ts"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import type { Crashes, CrashReport, ProcessInspection } from "../../../src/protocol/ProcessMessages.ts"
import { waitFor } from "../../support/waitFor.ts"
import { TestNode } from "../TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const started = async () => (await new TestNode().join()).start()
const decode = Schema.decodeUnknownSync(CommandSpec)
const name = "job"

const assignment = (shell: string, over: object = {}, specRevision = 1): ProcessAssignment => ({
  name,
  specRevision,
  listen: null,
  spec: decode({ service: name, kind: "command", command: { shell }, startMs: 100, drainTimeoutMs: 1_000, ...over }),
})

const crashesOf = async (node: TestNode) => ((await node.call(nodeMethods.listCrashes, { name })) as Crashes).crashes
const newest = async (node: TestNode) => {
  const [crash] = await waitFor(async () => {
    const all = await crashesOf(node)
    return all.length > 0 && all
  })
  return (await node.call(nodeMethods.getCrash, { id: crash?.id })) as CrashReport
}
const inspect = async (node: TestNode) =>
  ((await node.call(nodeMethods.inspectProcess, { name })) as ProcessInspection).instances[0]
const first = async (node: TestNode) => (await node.process()).workers[0]

test("a report has the last words of the process that crashed, and none of the one in its place", async () => {
  await using node = await started()
  await node.apply(1, assignment(`echo "$$ begins"; sleep 0.6; echo "$$ ends"; exit 3`))
  const report = await newest(node)
  expect(report.log.map(({ text }) => text)).toEqual([`${report.pid} begins`, `${report.pid} ends`])
})

test("a command that exits with 3 leaves a report with its last words", async () => {
  await using node = await started()
  await node.apply(
    1,
    assignment(`echo "no more paper"; echo "in the red tray" >&2; sleep 0.6; exit 3`, { restart: "never" }),
  )
  const report = await newest(node)
  expect(report).toMatchObject({ code: 3, signal: null, specRevision: 1, outOfMemory: false, openCalls: [] })
  expect(report.reason).toContain("exited with code 3")
  expect(report.log.map(({ stream, text }) => `${stream} ${text}`)).toEqual([
    "out no more paper",
    "err in the red tray",
  ])
})

test("a command that is killed by a signal is told by its name, and not as out of memory", async () => {
  await using node = await started()
  await node.apply(1, assignment(`sleep 0.6; kill -SEGV $$`))
  expect(await newest(node)).toMatchObject({ signal: "SIGSEGV", code: null, outOfMemory: false })
  await node.apply(2, assignment(`sleep 0.6; kill -KILL $$`, {}, 2))
  const killed = await waitFor(async () => (await crashesOf(node)).find(({ signal }) => signal === "SIGKILL"))
  expect(killed.reason).not.toContain("memory")
})

const formerMemory = "/sys/fs/cgroup/memory"
const canStarve = (() => {
  try {
    accessSync(`${formerMemory}/memory.limit_in_bytes`, constants.W_OK)
    return true
  } catch {
    return false
  }
})()

test.skipIf(!canStarve)(
  "a command that the kernel has killed for want of memory is told as likely that, outside of our groups",
  async () => {
    await using node = await started()
    const group = `${formerMemory}/muster-test-${process.pid}`
    mkdirSync(group)
    try {
      writeFileSync(`${group}/memory.limit_in_bytes`, `${40 * 1024 ** 2}`)
      const eat = `const kept = []; for (;;) kept.push(new Uint8Array(2 ** 20).fill(1))`
      const shell = `sleep 0.6; echo $$ > ${group}/tasks; exec ${process.execPath} -e '${eat}'`
      await node.apply(1, assignment(shell, { restart: "never" }))
      const report = await newest(node)
      expect(report).toMatchObject({ signal: "SIGKILL", outOfMemory: false })
      expect(report.reason).toBe(
        "killed by SIGKILL, maybe out of memory: the kernel has killed a process for want of it at that time",
      )
    } finally {
      await waitFor(() => {
        rmdirSync(group)
        return true
      })
    }
  },
)

test("a command whose processes together have too much memory is started anew, gracefully", async () => {
  await using node = await started()
  const grow = `const kept = new Uint8Array(150 * 1024 ** 2).fill(1); setInterval(() => kept[0]++, 1000)`
  const shell = `trap 'echo bye >> farewell; kill %1; exit 0' TERM; ${process.execPath} -e '${grow}' & wait`
  await node.apply(1, assignment(shell, { maxRssBytes: 120 * 1024 ** 2, cwd: node.dataDir }))
  await waitFor(() => /to be replaced: it has \d+\.\d MiB of memory, and may have 120.0 MiB/.test(node.logs), {
    timeoutMs: 60_000,
    what: `a restart\n${node.logs}`,
  })
  await waitFor(() => readFileSync(node.path("farewell"), "utf8").includes("bye"), { timeoutMs: 30_000 })
})

test("a liveness probe that turns bad ends a command and starts it anew, with the answer as its reason", async () => {
  await using node = await started()
  const liveness = { kind: "exec", command: { shell: "test ! -e sick" }, periodMs: 200, fall: 2 }
  await node.apply(1, assignment(`rm -f sick; sleep 300`, { liveness, cwd: node.dataDir }))
  const before = await waitFor(async () => (await first(node))?.state === "RUNNING" && (await first(node))?.pid)
  await Bun.write(node.path("sick"), "")
  await waitFor(
    async () => {
      const one = await first(node)
      return one?.state === "RUNNING" && one.pid !== before
    },
    { timeoutMs: 30_000 },
  )
  expect((await newest(node)).reason).toContain("liveness: exit code 1 from test ! -e sick, 2 times in a row")
})

test("limits that this host can't keep are said in the status and as a notice, and the command runs all the same", async () => {
  await using node = await started()
  const run = { memoryMaxBytes: 64 * 1024 ** 2, pidsMax: 50 }
  await node.apply(1, assignment(`sleep 300`, { run }))
  await waitFor(async () => (await first(node))?.state === "RUNNING")
  const { limitsMissing } = await node.process()
  const { notices } = await node.status()
  if (limitsMissing === null) return
  expect(limitsMissing).toMatch(/cgroup v2|delegated/)
  expect(notices).toMatchObject([{ code: "limits", subject: name }])
  await node.apply(2, assignment(`sleep 300`, { run, desired: "stopped" }, 2))
  await waitFor(async () => (await node.process()).state === "STOPPED")
  expect((await node.process()).limitsMissing).toBeNull()
  expect((await node.status()).notices).toEqual([])
  await node.apply(3, assignment(`sleep 300`, { run }, 3))
  await waitFor(async () => (await first(node))?.state === "RUNNING")
  expect((await node.process()).limitsMissing).toBe(limitsMissing)
  expect((await node.status()).notices).toHaveLength(1)
  await node.apply(4, assignment(`sleep 300`, {}, 4))
  await waitFor(async () => (await node.status()).notices.length === 0)
  expect((await node.process()).limitsMissing).toBeNull()
})

test("an instance with limits is in a group of its own from its first word on, and the group goes with it", async () => {
  await using node = await started()
  await node.apply(
    1,
    assignment(`cat /proc/self/cgroup > where; sleep 300`, { run: { pidsMax: 50 }, cwd: node.dataDir }),
  )
  const where = await waitFor(() => readFileSync(node.path("where"), "utf8").match(/^0::(.*)$/m)?.[1] ?? false)
  // A host without a writable hierarchy has said so in the test before.
  if (!where.includes("muster-")) return
  expect(where).toMatch(/\/muster-[0-9a-f]{12}\/job\+0\.[0-9a-f]{8}$/)
  await node.apply(2, {
    ...assignment(`sleep 300`),
    spec: decode({ ...assignment("sleep 300").spec, desired: "stopped" }),
  })
  await waitFor(
    () =>
      !Bun.spawnSync([
        "sh",
        "-c",
        `ls -d /sys/fs/cgroup${where} /sys/fs/cgroup/unified${where} 2>/dev/null`,
      ]).stdout.toString(),
  )
})

test("why it is still stopping: a command that ignores its signal, with its processes and when they are killed", async () => {
  await using node = await started()
  const deaf = assignment(`trap '' TERM; sleep 300; true`, { drainTimeoutMs: 60_000 })
  await node.apply(1, deaf)
  await waitFor(async () => (await first(node))?.state === "RUNNING")
  await node.apply(2, { ...deaf, spec: decode({ ...deaf.spec, desired: "stopped" }) })
  const leaver = await waitFor(async () => (await inspect(node))?.leaving[0])
  expect(leaver.killInMs).toBeGreaterThan(30_000)
  expect(leaver.processes.map(({ command }) => command).join("\n")).toContain("trap '' TERM")
  for (const { pid } of leaver.processes) process.kill(pid, "SIGKILL")
})
