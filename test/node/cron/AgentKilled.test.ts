import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { identityOf } from "../../../src/platform/ProcessTree.ts"
import { denoPath, root } from "../../support/executable.ts"
import { waitFor } from "../../support/waitFor.ts"
import { entry, TestNode } from "../TestNode.ts"
import { cronOf, cronTask, shell } from "./CronNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

/** The node's agent as a process of its own; it ends with the test's folder. */
const startAgent = async (node: TestNode, runtime: ReadonlyArray<string> = [process.execPath]) => {
  const log = node.path("agent.log")
  await Bun.write(log, "")
  const child = Bun.spawn([...runtime, join(root, "test/node/fixtures/agent.ts"), node.dataDir, entry], {
    cwd: root,
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: "ignore",
  })
  await attach(node, 1)
  return child
}

/** To the agent that was the `nth` in its process. */
const attach = async (node: TestNode, nth: number) => {
  const port = await waitFor(
    async () => [...(await Bun.file(node.path("agent.log")).text()).matchAll(/^PORT (\d+)$/gm)][nth - 1]?.[1],
    { timeoutMs: 60_000, what: `the port of agent ${nth}` },
  )
  await node.attach(Number(port))
}

const killAgent = async (child: Bun.Subprocess) => {
  child.kill("SIGKILL")
  await child.exited
}

const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [])

test("a run ends with its agent, or begins a second time beside itself", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const first = await startAgent(node)
  const go = node.path("go")
  const line = `echo $$; while [ ! -e ${go} ]; do sleep 0.1; done; echo after; exit 4`
  await cron.apply(1, cronTask("long", { action: shell(line), retries: 3 }))
  const runId = await cron.start("long")
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  await killAgent(first)
  expect(identityOf(pid)).toBeDefined()
  // A run has ended with its agent, and somebody keeps notes there.
  const [left, note] = [node.path("run", "01ARZ3NDEKTSV4RRFFQ69G5FAV.cron.pipe"), node.path("run", "note")]
  for (const path of [left, note]) await Bun.write(path, "")
  await startAgent(node)
  // Of the run that goes on, an agent after this one may have to read.
  const own = node.path("run", `${runId}.cron.pipe`)
  expect([left, note, own].map((path) => existsSync(path))).toEqual([false, true, true])
  expect(await cron.status("long")).toMatchObject({ running: 1 })
  expect(await node.call("Cron.start", { taskId: "long", by: "ann" }).catch(String)).toContain("still goes on")
  await Bun.write(go, "")
  const run = await cron.end("long", runId)
  expect(run).toMatchObject({
    state: "lost",
    exitCode: null,
    reason: "it has ended; how is not known, as the agent that had started it was gone",
  })
  expect((await cron.output(runId)).head).toEndWith("after\n")
  // It may have done its work: nobody tries again on their own.
  expect((await cron.runs("long")).filter(({ cause }) => cause === "retry")).toEqual([])
})

test("a run that was taken up can't be stopped, or goes on beyond its timeout", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const first = await startAgent(node)
  const sleeping = shell("echo $$; (setsid sh -c 'echo $$; exec sleep 300' &) ; exec sleep 300")
  await cron.apply(1, cronTask("stop", { action: sleeping }), cronTask("late", { action: sleeping, timeoutMs: 4_000 }))
  const [stop, late] = [await cron.start("stop"), await cron.start("late")]
  const pidsOf = (id: string) =>
    waitFor(async () => {
      const pids = (await cron.output(id)).head.trim().split("\n").map(Number)
      return pids.length === 2 && pids
    })
  const pids = [...(await pidsOf(stop)), ...(await pidsOf(late))]
  await killAgent(first)
  await startAgent(node)
  expect(await cron.stop(stop)).toMatchObject({ state: "stopped", by: "bob" })
  expect(await cron.end("late", late)).toMatchObject({ state: "timeout" })
  await waitFor(() => pids.every((pid) => identityOf(pid) === undefined))
})

test("a run that ended while no agent was there is run again, or counts as running for ever", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const first = await startAgent(node)
  await cron.apply(1, cronTask("brief", { action: shell("echo $$; sleep 1000 & wait") }))
  const runId = await cron.start("brief")
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  await killAgent(first)
  process.kill(-pid, "SIGKILL")
  await waitFor(() => identityOf(pid) === undefined)
  await startAgent(node)
  expect(await cron.end("brief", runId)).toMatchObject({
    state: "lost",
    reason: "it has ended; how is not known, as the agent that had started it was gone",
  })
  expect(await cron.status("brief")).toMatchObject({ running: 0 })
})

test("what a run said last, and ended, while no agent was there is lost", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const first = await startAgent(node)
  const go = node.path("go")
  const line = `echo $$; while [ ! -e ${go} ]; do sleep 0.1; done; seq 1 10000; echo last words`
  await cron.apply(1, cronTask("brief", { action: shell(line) }))
  const runId = await cron.start("brief")
  // The agent has taken this of what it says, and a moment later is no more.
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  await killAgent(first)
  await Bun.write(go, "")
  await waitFor(() => identityOf(pid) === undefined)
  await startAgent(node)
  expect(await cron.end("brief", runId)).toMatchObject({ state: "lost", exitCode: null })
  const numbers = Array.from({ length: 10_000 }, (_, at) => `${at + 1}\n`).join("")
  expect((await cron.output(runId)).head).toBe(`${pid}\n${numbers}last words\n`)
  expect(readdirSync(node.path("run")).filter((name) => name.includes(".cron"))).toEqual([])
})

test("kills of the agent make one time run twice, or two runs go on at once", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const [begun, spans] = [node.path("begun"), node.path("spans")]
  const every = { kind: "interval", everySeconds: 1 } as const
  let agent = await startAgent(node)
  await cron.apply(
    1,
    cronTask("each", {
      schedule: every,
      overlap: "allow",
      missed: "all",
      action: shell(`echo $MUSTER_RUN >> ${begun}`),
    }),
    cronTask("alone", {
      schedule: every,
      action: shell(`echo "begin $(date +%s%N)" >> ${spans}; sleep 0.7; echo "end $(date +%s%N)" >> ${spans}`),
    }),
  )
  for (let kill = 0; kill < 6; kill++) {
    const before = linesOf(begun).length
    await waitFor(() => linesOf(begun).length > before + 1, { timeoutMs: 30_000 })
    await killAgent(agent)
    agent = await startAgent(node)
  }
  await cron.apply(2, cronTask("each"), cronTask("alone"))
  await waitFor(async () => (await cron.status("each"))?.running === 0 && (await cron.status("alone"))?.running === 0)
  const runs = (await cron.runs("each")).filter(({ cause }) => cause === "schedule" || cause === "missed")
  expect(new Set(runs.map(({ dueAt }) => dueAt)).size).toBe(runs.length)
  const marks = linesOf(begun)
  expect(marks.length).toBeGreaterThanOrEqual(12)
  expect(new Set(marks).size).toBe(marks.length)
  // Each of `alone` began after the one before it had ended.
  const kinds = linesOf(spans).map((text) => text.split(" ")[0])
  expect(kinds.every((kind, index) => kind === (index % 2 === 0 ? "begin" : "end"))).toBe(true)
})

test("an agent that leaves its services running takes its cron runs with it", async () => {
  await using node = await new TestNode().join()
  const cron = cronOf(node)
  const first = await startAgent(node)
  const go = node.path("go")
  const line = `echo $$; while [ ! -e ${go} ]; do sleep 0.1; done; echo after`
  await cron.apply(1, cronTask("long", { action: shell(line) }))
  const runId = await cron.start("long")
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  first.kill("SIGQUIT")
  await first.exited
  expect(identityOf(pid)).toBeDefined()
  await startAgent(node)
  expect(await cron.status("long")).toMatchObject({ running: 1 })
  await Bun.write(go, "")
  expect(await cron.end("long", runId)).toMatchObject({ state: "lost" })
  expect((await cron.output(runId)).head).toBe(`${pid}\nafter\n`)
})

const runtimes: ReadonlyArray<readonly [name: string, command: () => ReadonlyArray<string>]> = [
  ["Bun", () => [process.execPath]],
  ["Deno", () => [denoPath(), "run", "-A", "-q", "--unstable-net"]],
]

test.each(runtimes)(
  "on %s how a run ends that an upgrade in place went by is not known, or what it said is lost",
  async (_, runtime) => {
    await using node = await new TestNode().join()
    const cron = cronOf(node)
    const agent = await startAgent(node, runtime())
    const go = node.path("go")
    const upgraded = "until tr '\\0' '\\n' < /proc/$PPID/environ | grep -q ^MUSTER_HANDED_ON=; do sleep 0.01; done"
    await cron.apply(
      1,
      cronTask("long", { action: shell(`echo $$; while [ ! -e ${go} ]; do sleep 0.1; done; echo after; exit 4`) }),
      cronTask("good", { action: shell(`echo $$; while [ ! -e ${go} ]; do sleep 0.1; done; echo after`) }),
      // It ends between the two agents.
      cronTask("between", { action: shell(`echo $$; ${upgraded}; echo between; exit 7`), retries: 1 }),
    )
    const runIds = [await cron.start("long"), await cron.start("good"), await cron.start("between")] as const
    const pids = await waitFor(async () => {
      const said = await Promise.all(runIds.map(async (id) => (await cron.output(id)).head))
      return said.every((text) => text.endsWith("\n")) && said.map((text) => text.trim())
    })
    agent.kill("SIGHUP")
    await attach(node, 2)
    const [long, good, between] = runIds
    expect(await cron.end("between", between)).toMatchObject({
      state: "failed",
      exitCode: 7,
      reason: "exited with code 7",
    })
    expect((await cron.output(between)).head).toBe(`${pids[2]}\nbetween\n`)
    // What is known to have failed is tried again.
    await cron.ended("between", 2)
    expect(await cron.status("long")).toMatchObject({ running: 1 })
    await Bun.write(go, "")
    expect(await cron.end("long", long)).toMatchObject({ state: "failed", exitCode: 4 })
    expect(await cron.end("good", good)).toMatchObject({ state: "ok", exitCode: 0, reason: null })
    expect((await cron.output(long)).head).toBe(`${pids[0]}\nafter\n`)
    agent.kill("SIGTERM")
    expect(await agent.exited).toBe(0)
  },
)
