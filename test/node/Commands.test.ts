import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { type CommandSpec, type ProcessAssignment, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { portHolder } from "../../src/platform/ListenSocket.ts"
import { processRow, type ProcessRow, ProcessTable } from "../../src/platform/ProcessTable.ts"
import type { WorkerStatus } from "../../src/protocol/NodeManager.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

type Over = Partial<CommandSpec> & { readonly specRevision?: number; readonly listen?: ProcessAssignment["listen"] }

const command = (line: CommandSpec["command"] | string, over: Over = {}): ProcessAssignment => {
  const { listen = null, specRevision = 1, ...spec } = over
  return {
    name: "program",
    specRevision,
    listen,
    spec: {
      ...specDefaults,
      service: "program" as CommandSpec["service"],
      kind: "command",
      command: typeof line === "string" ? { shell: line } : line,
      instances: 1,
      user: "",
      group: "",
      nice: 0,
      rlimits: {},
      stopSignal: "TERM",
      startMs: 50,
      startTimeoutMs: 10_000,
      maxRssBytes: 0,
      passSocket: false,
      nodes: [],
      drainTimeoutMs: 500,
      ...spec,
    },
  }
}

/** Processes of these tests end with this, whatever becomes of the test. */
afterEach(() => {
  for (const row of ProcessTable.read().rows)
    if (row.command.startsWith("sleep 41061")) process.kill(row.pid, "SIGKILL")
})
const sleeping = (command: string): ProcessRow | undefined =>
  [...ProcessTable.read().rows].find((row) => row.command === command)
const isGone = (row: ProcessRow) => processRow(row.pid)?.is(row.identity) !== true || processRow(row.pid)?.hasEnded

const first = async (node: TestNode): Promise<WorkerStatus> => {
  const [worker] = (await node.process()).workers
  if (worker === undefined) throw new Error("there is no instance")
  return worker
}
const inState = async (node: TestNode, state: WorkerStatus["state"]) =>
  await waitFor(
    async () => {
      const worker = await first(node)
      return worker.state === state && worker
    },
    { timeoutMs: 30_000, what: `an instance in ${state}\n${node.logs}` },
  )
const stopped = (assignment: ProcessAssignment): ProcessAssignment => ({
  ...assignment,
  spec: { ...assignment.spec, desired: "stopped" },
})
const vacant = (node: TestNode) =>
  waitFor(async () => (await node.process()).workers.length === 0, { timeoutMs: 30_000, what: `the end\n${node.logs}` })
const started = () => new TestNode().join().then((node) => node.start())

describe("a stop", () => {
  test("leaves no grandchild behind that has left its session and ignores TERM", async () => {
    await using node = await started()
    const line = "(trap '' TERM; setsid sleep 410611 & setsid sleep 410612 &) ; sleep 410613; :"
    await node.apply(1, command(line))
    await inState(node, "RUNNING")
    const all = await waitFor(() => {
      const rows = ["sleep 410611", "sleep 410612", "sleep 410613"].map(sleeping)
      return rows.every((row) => row !== undefined) && rows.filter((row) => row !== undefined)
    })
    const parent = processRow(all[2]?.parent ?? 0)
    expect(new Set(all.map(({ session }) => session)).size).toBe(3)
    await node.apply(2, stopped(command(line)))
    await vacant(node)
    expect(all.map(isGone)).toEqual([true, true, true])
    expect(parent === undefined || isGone(parent)).toBe(true)
    expect(node.left()).toEqual([])
  })

  test("is heard by the program behind a shell, which may end in its own time", async () => {
    await using node = await started()
    const said = node.path("said")
    const program = `require("fs").appendFileSync(${JSON.stringify(said)}, "up\\n"); process.on("SIGTERM", () => { require("fs").appendFileSync(${JSON.stringify(said)}, "TERM\\n"); setTimeout(() => { require("fs").appendFileSync(${JSON.stringify(said)}, "done\\n"); process.exit() }, 400) }); setInterval(() => {}, 1000)`
    writeFileSync(node.path("program.js"), program)
    const assignment = command(`echo shell; ${process.execPath} ${node.path("program.js")}; echo after`, {
      drainTimeoutMs: 20_000,
    })
    await node.apply(1, assignment)
    await waitFor(() => existsSync(said))
    await node.apply(2, stopped(assignment))
    await vacant(node)
    expect(readFileSync(said, "utf8")).toBe("up\nTERM\ndone\n")
  })

  test("of a program is not told to its children, which it ends itself", async () => {
    await using node = await started()
    const said = node.path("said")
    const child = `trap 'echo child TERM >> ${said}; exit' TERM; echo up >> ${said}; while :; do sleep 0.05; done`
    const line = `sh -c "${child.replaceAll('"', '\\"')}" & trap 'sleep 0.3; echo parent >> ${said}; kill $!; wait; exit' TERM; while :; do sleep 0.05; done`
    const assignment = command({ argv: ["/bin/sh", "-c", line] }, { drainTimeoutMs: 20_000 })
    await node.apply(1, assignment)
    await waitFor(() => existsSync(said))
    await inState(node, "RUNNING")
    await node.apply(2, stopped(assignment))
    await vacant(node)
    expect(readFileSync(said, "utf8")).toBe("up\nparent\nchild TERM\n")
  })

  test("uses the signal of the spec", async () => {
    await using node = await started()
    const said = node.path("said")
    const line = `trap 'echo INT > ${said}; exit 0' INT; while :; do sleep 0.05; done`
    const assignment = command(line, { stopSignal: "INT", drainTimeoutMs: 20_000 })
    await node.apply(1, assignment)
    await inState(node, "RUNNING")
    await node.apply(2, stopped(assignment))
    await vacant(node)
    expect(readFileSync(said, "utf8")).toBe("INT\n")
  })

  test("ends a program that ignores it, when its time is over", async () => {
    await using node = await started()
    const line = "trap '' TERM; sleep 410614; :"
    await node.apply(1, command(line))
    const row = await waitFor(() => sleeping("sleep 410614"))
    await inState(node, "RUNNING")
    await node.apply(2, stopped(command(line)))
    await vacant(node)
    expect(isGone(row)).toBe(true)
  })

  test("of one service signals nothing of another, though that has the same variables", async () => {
    await using node = await started()
    const one = command("sleep 410615; :")
    const two = { ...command("sleep 410616; :"), name: "other" }
    await node.apply(1, one, two)
    const [first, second] = await waitFor(() => {
      const rows = [sleeping("sleep 410615"), sleeping("sleep 410616")] as const
      return rows[0] !== undefined && rows[1] !== undefined && ([rows[0], rows[1]] as const)
    })
    await node.apply(2, two)
    await waitFor(() => isGone(first))
    expect(isGone(second)).toBe(false)
  })
})

test("what a crashed program has left behind does not live beside its successor", async () => {
  await using node = await started()
  await node.apply(1, command(`(trap '' TERM; setsid sleep 410617 &); sleep 0.3; kill -9 $$`))
  const row = await waitFor(() => sleeping("sleep 410617"))
  const next = await waitFor(
    () => [...ProcessTable.read().rows].find(({ command, pid }) => command === "sleep 410617" && pid !== row.pid),
    { timeoutMs: 60_000 },
  )
  expect(isGone(row)).toBe(true)
  expect(next.pid).not.toBe(row.pid)
})

test("a port that somebody else holds is named with its holder when a program can't start", async () => {
  await using node = await started()
  const listen = { ip: "127.41.0.2", port: await freePort("127.41.0.2") }
  const server = Bun.listen({ hostname: listen.ip, port: listen.port, socket: { data: () => undefined } })
  try {
    await node.apply(1, command("exit 1", { listen }))
    const { reason } = await inState(node, "BACKOFF")
    expect(reason).toContain("exited with code 1")
    expect(reason).toContain(`127.41.0.2:${listen.port} is held by pid ${process.pid} (`)
  } finally {
    server.stop(true)
  }
})

test("a port that is still held after a stop is told with its holder, until it is free", async () => {
  await using node = await started()
  const listen = { ip: "127.41.0.2", port: await freePort("127.41.0.2") }
  const server = Bun.listen({ hostname: listen.ip, port: listen.port, socket: { data: () => undefined } })
  const assignment = command("sleep 410620", { listen })
  await node.apply(1, assignment)
  await inState(node, "RUNNING")
  await node.apply(2, stopped(assignment))
  const [notice] = await waitFor(async () => {
    const { notices } = await node.status()
    return notices.length === 1 && notices
  })
  expect(notice).toMatchObject({ code: "port-held", subject: "program" })
  expect(notice?.message).toContain(`127.41.0.2:${listen.port} is held by pid ${process.pid} (`)
  server.stop(true)
  await waitFor(async () => (await node.status()).notices.length === 0, { timeoutMs: 30_000 })
})

test("an instance knows its service, its number and where it listens", async () => {
  await using node = await started()
  const listen = { ip: "127.41.0.2", port: await freePort("127.41.0.2") }
  const said = node.path("said")
  const names = "$MUSTER_SERVICE $MUSTER_INSTANCE $MUSTER_INSTANCES $MUSTER_ADDRESS $MUSTER_PORT $PORT"
  await node.apply(1, command(`echo ${names} >> ${said}; sleep 410618`, { listen, instances: 2 }))
  const lines = await waitFor(() => {
    const text = existsSync(said) ? readFileSync(said, "utf8").trim().split("\n") : []
    return text.length === 2 && text.toSorted()
  })
  expect(lines).toEqual([0, 1].map((nth) => `program ${nth} 2 127.41.0.2 ${listen.port} ${listen.port}`))
  // An operator's own PORT is what the program gets; which instance it is, no spec can say.
  const env = { PORT: "7", MUSTER_INSTANCE: "8", MUSTER_PORT: "9" }
  await node.apply(2, command(`echo ${names} >> ${said}; sleep 410618`, { listen, env, specRevision: 2 }))
  const own = await waitFor(() => readFileSync(said, "utf8").trim().split("\n")[2], { timeoutMs: 30_000 })
  expect(own).toBe(`program 0 1 127.41.0.2 ${listen.port} 7`)
})

test.skipIf(process.getuid?.() !== 0)(
  "a service's user is what its processes run as, and one that is unknown runs nothing",
  async () => {
    await using node = await started()
    chmodSync(node.dataDir, 0o755)
    await node.apply(1, command("sleep 410619", { user: "nobody" }))
    const row = await waitFor(() => sleeping("sleep 410619"))
    expect(row.uid).toBe(65_534)
    await node.apply(2, command("sleep 410610", { user: "nosuchuser", specRevision: 2 }))
    await waitFor(() => node.logs.includes("user nosuchuser: this host has no such user"), { timeoutMs: 30_000 })
    expect(sleeping("sleep 410610")).toBeUndefined()
  },
)

test("a reload by signal reaches the program behind a shell, and neither of them ends", async () => {
  await using node = await started()
  const said = node.path("said")
  writeFileSync(
    node.path("program.sh"),
    `trap 'echo HUP >> ${said}' HUP\necho up >> ${said}\nwhile :; do sleep 0.05; done\n`,
  )
  await node.apply(1, command(`sh ${node.path("program.sh")}; echo after >> ${said}`, { reloadSignal: "HUP" }))
  await waitFor(() => existsSync(said))
  const { pid } = await inState(node, "RUNNING")
  expect(await node.reload("program")).toMatchObject({ outcome: "done" })
  await waitFor(() => readFileSync(said, "utf8") === "up\nHUP\n")
  expect((await first(node)).pid).toBe(pid)
})

// Whether a shell becomes the last program of its line is the shell's own choice.
const reloading: ReadonlyArray<readonly [what: string, line: (program: string) => string]> = [
  ["that the shell has become", (program) => `exec ${program}`],
  ["that is the whole line", (program) => program],
  ["in a subshell", (program) => `(${program}; true); true`],
]

test.each(reloading)(
  "a reload by signal reaches a program %s, and it alone: its children are its own",
  async (_, line) => {
    await using node = await started()
    const said = node.path("said")
    const script = (name: string, rest: string) => {
      writeFileSync(node.path(name), `trap 'echo ${name} HUP >> ${said}' HUP\necho ${name} >> ${said}\n${rest}\n`)
      return `sh ${node.path(name)}`
    }
    const child = script("child", "while :; do sleep 0.05; done")
    const program = script("program", `${child} &\nwhile :; do sleep 0.05; done`)
    await node.apply(1, command(line(program), { reloadSignal: "HUP" }))
    await waitFor(() => existsSync(said) && readFileSync(said, "utf8").includes("child"))
    const { pid } = await inState(node, "RUNNING")
    expect(await node.reload("program")).toMatchObject({ outcome: "done" })
    await waitFor(() => readFileSync(said, "utf8").includes("program HUP"))
    await Bun.sleep(200)
    expect(readFileSync(said, "utf8")).toBe("program\nchild\nprogram HUP\n")
    expect((await first(node)).pid).toBe(pid)
  },
)

test("a stop frees the port though a grandchild that left its session and ignores TERM listens on it", async () => {
  await using node = await started()
  const listen = { ip: "127.41.0.3", port: await freePort("127.41.0.3") }
  writeFileSync(
    node.path("listen.js"),
    `process.on("SIGTERM", () => {}); require("net").createServer().listen(${listen.port}, "${listen.ip}")`,
  )
  const assignment = command(`(setsid ${process.execPath} ${node.path("listen.js")} &); sleep 410620`, { listen })
  await node.apply(1, assignment)
  await waitFor(() => portHolder(listen) !== undefined)
  await inState(node, "RUNNING")
  await node.apply(2, stopped(assignment))
  await vacant(node)
  expect(portHolder(listen)).toBeUndefined()
  expect((await node.status()).notices).toEqual([])
})

test("a change that is not about how it is started leaves the running process alone", async () => {
  await using node = await started()
  await node.apply(1, command("sleep 410621"))
  const { pid } = await inState(node, "RUNNING")
  const row = await waitFor(() => sleeping("sleep 410621"))
  const over = { specRevision: 2, stopSignal: "INT", drainTimeoutMs: 700, startOrder: 3, restart: "never" } as const
  await node.apply(2, command("sleep 410621", over))
  await waitFor(async () => (await node.process()).specRevision === 2)
  expect((await first(node)).pid).toBe(pid)
  expect(isGone(row)).toBe(false)
})

test("a fork bomb of a program ends with its stop", async () => {
  await using node = await started()
  const script = node.path("fork.sh")
  writeFileSync(script, `trap '' TERM\nwhile :; do setsid sleep 4106221 & sleep 0.02; done\n`)
  const assignment = command({ argv: ["/bin/sh", script] })
  await node.apply(1, assignment)
  await waitFor(() => sleeping("sleep 4106221"))
  await inState(node, "RUNNING")
  await node.apply(2, stopped(assignment))
  await vacant(node)
  expect(sleeping("sleep 4106221")).toBeUndefined()
  expect(node.left()).toEqual([])
})
