import { expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, readdirSync } from "node:fs"
import { identityOf } from "../../../src/platform/ProcessTree.ts"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import { freePort } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"
import { assignment, TestNode } from "../TestNode.ts"
import { cronOf, cronTask, shell } from "./CronNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const started = async () => (await new TestNode().join()).start()

test("a task runs on its interval, and its output, code and times are kept", async () => {
  await using node = await started()
  const cron = cronOf(node)
  const before = Date.now()
  await cron.apply(
    1,
    cronTask("tick", {
      schedule: { kind: "interval", everySeconds: 1 },
      action: shell("echo a 'b  c'; echo d >&2; exit 3"),
    }),
  )
  const [first, second] = await cron.ended("tick", 2)
  expect(first).toMatchObject({
    taskId: "tick",
    cause: "schedule",
    state: "failed",
    attempt: 1,
    exitCode: 3,
    signal: null,
    reason: "exited with code 3",
    by: null,
    outputBytes: 9,
  })
  expect(first?.dueAt).toBeGreaterThanOrEqual(before + 1_000)
  expect(second?.dueAt).toBeGreaterThan(first?.dueAt ?? 0)
  expect(await cron.output(first?.id ?? "")).toEqual({ head: "a b  c\nd\n", tail: "", omitted: 0 })
  expect(await cron.status("tick")).toMatchObject({ running: 0, last: { state: "failed" } })
  expect((await node.status()).cronRevision).toBe(1)
})

test("a shell line is one line, and words of argv are never cut at blanks or expanded", async () => {
  await using node = await started()
  const cron = cronOf(node)
  const folder = node.path("a folder")
  mkdirSync(folder)
  await cron.apply(
    1,
    cronTask("line", {
      action: { ...shell("printf '%s\n' \"$WHO\" | tr a-z A-Z; pwd; exit 0"), env: { WHO: "a  b" }, cwd: folder },
    }),
    cronTask("words", {
      action: {
        kind: "command",
        command: { argv: ["/usr/bin/printf", "%s|", "a  b", "$HOME", "*"] },
        user: "",
        env: {},
      },
    }),
    cronTask("nothing", { action: { kind: "command", command: { argv: ["no such program"] }, user: "", env: {} } }),
    cronTask("nobody", { action: { kind: "command", command: { argv: ["true"] }, user: "nosuchuser", env: {} } }),
    cronTask("nowhere", { action: { ...shell("true"), cwd: "/no/such/folder" } }),
  )
  const ended = async (name: string) => cron.end(name, await cron.start(name))
  const line = await ended("line")
  expect(line).toMatchObject({ state: "ok", exitCode: 0, cause: "manual", by: "ann" })
  expect((await cron.output(line.id)).head).toBe(`A  B\n${folder}\n`)
  expect((await cron.output((await ended("words")).id)).head).toBe("a  b|$HOME|*|")
  expect(await ended("nothing")).toMatchObject({
    state: "failed",
    exitCode: null,
    reason: expect.stringMatching(/^command no such program is in no folder of PATH/),
  })
  expect((await ended("nobody")).reason).toBe("user nosuchuser: this host has no such user")
  expect((await ended("nowhere")).reason).toBe("cwd /no/such/folder does not exist")
})

test("a task of another user runs as the agent's", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(
    1,
    cronTask("who", {
      action: { kind: "command", command: { shell: "id -u; id -G; echo $HOME $USER" }, user: "nobody", env: {} },
    }),
  )
  const { id, reason, state } = await cron.end("who", await cron.start("who"))
  expect([state, reason]).toEqual(["ok", null])
  expect((await cron.output(id)).head).toBe("65534\n65534\n/nonexistent nobody\n")
})

test("a task that says much fills the memory or the disk, or loses its beginning or its end", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("much", { action: shell("seq 1 3000000; echo end >&2") }))
  const before = process.memoryUsage().rss
  const run = await cron.end("much", await cron.start("much"))
  const { head, omitted, tail } = await cron.output(run.id)
  expect(head).toHaveLength(65_536)
  expect(head).toStartWith("1\n2\n3\n")
  expect(tail).toHaveLength(65_536)
  expect(tail).toEndWith("\n2999999\n3000000\nend\n")
  expect(run.outputBytes).toBe(head.length + omitted + tail.length)
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
  expect(readdirSync(node.path("run")).filter((name) => name.includes(".cron"))).toEqual([])
})

test("a task that is over waits for what it has left behind", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("daemon", { action: shell("sleep 300 & echo $!") }))
  const run = await cron.end("daemon", await cron.start("daemon"))
  const pid = Number((await cron.output(run.id)).head)
  expect(run.state).toBe("ok")
  expect(identityOf(pid)).toBeDefined()
  process.kill(pid, "SIGKILL")
})

/** Two processes that ignore TERM, one of them in a session of its own, whose parent is gone. */
const stubborn = `trap '' TERM; (setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &) ; echo $$; while :; do sleep 1; done`

test("a run that takes too long leaves a process behind, though all of it ignores TERM", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("hang", { action: shell(stubborn), timeoutMs: 1_000 }))
  const runId = await cron.start("hang")
  const pids = await waitFor(async () => {
    const found = (await cron.output(runId)).head
      .trim()
      .split("\n")
      .filter((text) => text !== "")
      .map(Number)
    return found.length === 2 && found
  })
  const run = await cron.end("hang", runId)
  expect(run).toMatchObject({ state: "timeout", signal: "SIGKILL", reason: "not over within 1 s" })
  await waitFor(() => pids.every((pid) => identityOf(pid) === undefined), { timeoutMs: 20_000 })
})

test("a stop answers before the run has ended", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("long", { action: shell("echo $$; exec sleep 300"), timeoutMs: 0 }))
  const runId = await cron.start("long")
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  expect(await cron.status("long")).toMatchObject({ running: 1 })
  expect(await cron.stop(runId)).toMatchObject({
    state: "stopped",
    signal: "SIGTERM",
    by: "bob",
    reason: "it was stopped",
  })
  expect(identityOf(pid)).toBeUndefined()
  expect(await cron.stop(runId)).toMatchObject({ state: "stopped", by: "bob" })
  expect(await node.call(nodeMethods.stopCron, { runId: "none", by: "bob" }).catch(String)).toContain(
    'this node has no cron run "none"',
  )
})

test("a task that was taken away goes on after the answer, or takes its history with it", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("long", { action: shell("echo $$; exec sleep 300") }), cronTask("other"))
  const runId = await cron.start("long")
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  await cron.apply(2, cronTask("other"))
  expect(identityOf(pid)).toBeUndefined()
  const { runs } = await cron.history("")
  expect(runs).toMatchObject([{ id: runId, state: "stopped", reason: "the task was taken from this node" }])
  expect((await node.status()).cron.map(({ id }) => id)).toEqual(["other"])
})

test("the history is read twice or with a gap by its cursor, and its pages overlap", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("a", { keepRuns: 5 }), cronTask("b"))
  for (let nth = 0; nth < 7; nth++) await cron.end("a", await cron.start("a"))
  await cron.end("b", await cron.start("b"))
  const first = await cron.history("", 4)
  const second = await cron.history(first.cursor, 4)
  expect([first.more, second.more]).toEqual([true, false])
  expect([...first.runs, ...second.runs].map(({ taskId }) => taskId).join("")).toBe("aaaaab")
  expect(await cron.history(second.cursor)).toEqual({ runs: [], cursor: second.cursor, more: false })
  expect(await node.call(nodeMethods.cronHistory, { after: "x", limit: 1 }).catch(String)).toContain(
    'after is "x", expected the cursor',
  )
  const page = await cron.page("a", 3)
  const rest = await cron.page("a", 3, page.runs.at(-1)?.id)
  expect([page.total, page.runs.length, rest.runs.length]).toEqual([5, 3, 2])
  expect([...page.runs, ...rest.runs].map(({ id }) => id)).toEqual((await cron.runs("a")).map(({ id }) => id))
})

test("a task that calls a service finds it by the node's list, and keeps the answer or the error", async () => {
  await using node = await started()
  const cron = cronOf(node)
  const listen = { ip: "127.45.0.1", port: await freePort() }
  const module = node.module(
    "jobs.js",
    "export const sum = (a, b) => ({ sum: a + b, 世界: true }); export const fail = () => { throw new Error('no luck') }; export const slow = () => new Promise((r) => setTimeout(r, 30_000))",
  )
  await node.apply(1, assignment(listen, module, { workers: 1, tls: "off" }))
  await node.running(1)
  const call = (method: string, args: ReadonlyArray<unknown> = [], service = "greeter") =>
    ({ kind: "method", service: service as never, method, args }) as const
  await cron.apply(
    1,
    cronTask("sum", { action: call("sum", [1, 2]) }),
    cronTask("fail", { action: call("fail") }),
    cronTask("slow", { action: call("slow"), timeoutMs: 500 }),
    cronTask("none", { action: call("sum", [], "nobody") }),
  )
  const ended = async (name: string) => cron.end(name, await cron.start(name))
  expect((await ended("sum")).reason).toStartWith('the service "greeter" was not pushed to this node')
  await node.list(listen)
  const sum = await ended("sum")
  expect(sum.state).toBe("ok")
  expect(JSON.parse((await cron.output(sum.id)).head)).toEqual({ sum: 3, 世界: true })
  expect(await ended("fail")).toMatchObject({ state: "failed", reason: expect.stringContaining("no luck") })
  expect(await ended("slow")).toMatchObject({ state: "timeout" })
  expect(await ended("none")).toMatchObject({ state: "failed" })
})

test("an agent that is stopped leaves its runs behind", async () => {
  await using node = await started()
  const cron = cronOf(node)
  await cron.apply(1, cronTask("long", { action: shell("echo $$; exec sleep 300") }))
  const runId = await cron.start("long")
  const pid = await waitFor(async () => Number((await cron.output(runId)).head.trim()) || undefined)
  await node.stop()
  expect(identityOf(pid)).toBeUndefined()
  await node.start()
  expect(await cron.end("long", runId)).toMatchObject({ state: "stopped", reason: "the agent was stopped" })
})
