import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { type CommandSpec, type ProcessAssignment, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { nodeMethods } from "../../src/protocol/NodeManager.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const host = "127.42.3.1"
const started = async () => (await new TestNode().join()).start()

const command = (
  service: string,
  line: CommandSpec["command"],
  over: Partial<CommandSpec> & { readonly port?: number } = {},
): ProcessAssignment => {
  const { port, ...spec } = over
  return {
    id: `id-${service}`,
    name: service,
    specRevision: 1,
    listen: port === undefined ? null : { ip: host, port },
    spec: {
      ...specDefaults,
      service: service as CommandSpec["service"],
      kind: "command",
      command: line,
      instances: 1,
      user: "",
      group: "",
      nice: 0,
      rlimits: {},
      stopSignal: "TERM",
      startMs: 300,
      startTimeoutMs: 10_000,
      maxRssBytes: 0,
      passSocket: false,
      nodes: [],
      drainTimeoutMs: 2_000,
      ...spec,
    },
  }
}

/** A program that listens by itself and says its version and pid to whoever connects; `fd`: on a socket it was given. */
const server = (node: TestNode, version: string, on: "port" | "fd" = "port") => {
  const listen = on === "fd" ? `{ fd: 3 }` : `{ host: "${host}", port: Number(process.env.PORT) }`
  const path = node.module(
    "server.mjs",
    `import { createServer } from "node:net"
     if ("${version}" === "broken") process.exit(9)
     const server = createServer((socket) => socket.end("${version} " + process.pid))
     server.listen(${listen})
     process.on("SIGTERM", () => server.close(() => process.exit(0)))`,
  )
  return { argv: [process.execPath, path] } as const
}

const ask = (port: number) =>
  new Promise<string>((resolve, reject) => {
    let text = ""
    const socket = connect({ host, port })
    socket.on("data", (chunk) => (text += chunk.toString()))
    socket.on("end", () => resolve(text))
    socket.on("error", reject)
  })

const statusOf = async (node: TestNode, name: string) => {
  const found = (await node.status()).processes.find((one) => one.name === name)
  if (found === undefined) throw new Error(`the node does not run ${name}`)
  return found
}

const pidsOf = async (node: TestNode, name: string, count: number) =>
  await waitFor(
    async () => {
      const { workers } = await statusOf(node, name)
      return (
        workers.length === count &&
        workers.every(({ state }) => state === "RUNNING") &&
        workers.map(({ pid }) => pid ?? 0)
      )
    },
    { timeoutMs: 30_000, what: `${count} of ${name}\n${node.logs}` },
  )

test("a program that listens by itself is exchanged, and one that can't start is followed by what ran before", async () => {
  await using node = await started()
  const port = await freePort(host)
  await node.apply(1, command("store", server(node, "one"), { port }))
  const [first] = await pidsOf(node, "store", 1)
  expect(await ask(port)).toBe(`one ${first}`)
  server(node, "two")
  expect(await node.reload("store")).toMatchObject({ outcome: "done", replaced: 1, total: 1 })
  const [second] = await pidsOf(node, "store", 1)
  expect(await ask(port)).toBe(`two ${second}`)

  // Another command that ends at once: what is started next is the former one again.
  await node.apply(2, command("store", { argv: ["/bin/sh", "-c", "exit 9"] }, { port }))
  const failed = await waitFor(async () => {
    const { reload } = await statusOf(node, "store")
    return reload?.state === "failed" && reload
  })
  expect(failed.reason).toStartWith("exited with code 9")
  await pidsOf(node, "store", 1)
  expect(await ask(port)).toStartWith("two ")
})

test("a program that is given its socket is replaced without a refused connection", async () => {
  await using node = await started()
  const port = await freePort(host)
  const line = server(node, "one", "fd")
  await node.apply(1, command("store", line, { port, passSocket: true, instances: 2 }))
  const before = await pidsOf(node, "store", 2)
  const failures: Array<unknown> = []
  let answered = 0
  const state = { over: false }
  const callers = Array.from({ length: 4 }, async () => {
    while (!state.over)
      await ask(port).then(
        () => (answered += 1),
        (error: unknown) => failures.push(error),
      )
  })
  await waitFor(() => answered > 50)
  expect(await node.reload("store")).toMatchObject({ outcome: "done", replaced: 2, total: 2 })
  const soFar = answered
  await waitFor(() => answered > soFar + 50)
  state.over = true
  await Promise.all(callers)
  expect(failures).toEqual([])
  expect((await pidsOf(node, "store", 2)).filter((pid) => before.includes(pid))).toEqual([])
})

test("a program that reloads itself hears its signal and keeps its pid", async () => {
  await using node = await started()
  const heard = node.path("heard")
  const script = `trap 'echo again >> ${heard}' HUP; while :; do sleep 0.1; done`
  const line: CommandSpec["command"] = { argv: ["/bin/sh", "-c", script] }
  await node.apply(1, command("loop", line, { reloadSignal: "HUP", instances: 2 }))
  const before = await pidsOf(node, "loop", 2)
  expect(await node.reload("loop")).toMatchObject({ outcome: "done", replaced: 2, total: 2 })
  await waitFor(() => existsSync(heard) && readFileSync(heard, "utf8") === "again\nagain\n")
  expect(await pidsOf(node, "loop", 2)).toEqual(before)
  await node.apply(2, command("loop", line, { reloadSignal: "HUP", instances: 3 }))
  expect((await pidsOf(node, "loop", 3)).slice(0, 2)).toEqual(before)
})

test("a service starts when the job that it needs has completed, which is not run again", async () => {
  await using node = await started()
  const runs = node.path("runs")
  const flag = node.path("flag")
  const job = { shell: `echo run >> ${runs}; [ -e ${flag} ] || exit 3` }
  const needs = { dependsOn: [{ service: "migrate", condition: "completed" }] } as unknown as Partial<CommandSpec>
  await node.apply(
    1,
    command("migrate", job, { restart: "never" }),
    command("api", { shell: "while :; do sleep 0.1; done" }, needs),
  )
  await waitFor(async () => (await statusOf(node, "api")).waitingFor?.includes("exited with code 3") === true)
  expect(await statusOf(node, "api")).toMatchObject({
    state: "STOPPED",
    waitingFor: "migrate has not completed: exited with code 3",
  })
  expect(await statusOf(node, "migrate")).toMatchObject({ state: "EXITED", reason: "exited with code 3" })
  writeFileSync(flag, "")
  expect(await node.call(nodeMethods.restartProcess, { name: "migrate" })).toMatchObject({ outcome: "done" })
  await pidsOf(node, "api", 1)
  expect(await statusOf(node, "migrate")).toMatchObject({ state: "EXITED", reason: null })
  expect(readFileSync(runs, "utf8")).toBe("run\nrun\n")
})

test("a job that is up as soon as it is there is done with its good code, however soon it ends", async () => {
  await using node = await started()
  const job = { shell: "exit 7" } as const
  await node.apply(1, command("job", job, { startMs: 0, restart: "unexpected", successCodes: [7] }))
  await waitFor(async () => (await statusOf(node, "job")).state === "EXITED")
})

test("a program that is now given its socket does not start beside the former one, which ends in its own time", async () => {
  await using node = await started()
  const port = await freePort(host)
  const path = node.module(
    "slow.mjs",
    `import { createServer } from "node:net"
     const own = process.env.LISTEN_FDS === undefined ? { host: "${host}", port: Number(process.env.PORT) } : { fd: 3 }
     createServer((socket) => socket.end("" + process.pid)).listen(own)
     process.on("SIGTERM", () => setTimeout(() => process.exit(0), 2_000))`,
  )
  const line = { argv: [process.execPath, path] } as const
  const over = { port, drainTimeoutMs: 10_000 }
  await node.apply(1, command("store", line, over))
  const [former = 0] = await pidsOf(node, "store", 1)
  await node.apply(2, command("store", line, { ...over, passSocket: true }))
  const { workers, waitingFor } = await statusOf(node, "store")
  expect({ workers, waitingFor }).toEqual({ workers: [], waitingFor: "its former processes end" })
  expect(existsSync(`/proc/${former}`)).toBe(true)
  const [next = 0] = await pidsOf(node, "store", 1)
  expect(existsSync(`/proc/${former}`)).toBe(false)
  expect(await ask(port)).toBe(`${next}`)
  expect((await statusOf(node, "store")).waitingFor).toBeNull()
})
