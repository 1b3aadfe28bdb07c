import { existsSync, readFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { Agent, Cluster, online } from "../support/cluster.ts"
import { freePort, Muster, run, temporaryFolder } from "../support/muster.ts"
import { Notifications } from "../support/notifications.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/probe.ts")
const net = "127.1.87"
const beatMs = 200

/** What systemd gives a unit with a watchdog. */
const unitEnv = ({ name }: Notifications) => ({ NOTIFY_SOCKET: name, WATCHDOG_USEC: `${beatMs * 2_000}` })

const ready = (process: Muster, notifications: Notifications) =>
  process.until("READY=1", () => notifications.count("READY=1") === 1)

/** While it starts it asks for more time. */
const asksForTime = "EXTEND_TIMEOUT_USEC=120000000"
const afterStart = ({ told }: Notifications) => told.find((text) => !text.startsWith(asksForTime))

const reaches = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

test.each(["executable", "deno"] as const)(
  "a manager (%s) says READY=1 when its page answers, WATCHDOG=1 at half its span, STOPPING=1 at SIGTERM",
  async (runtime) => {
    using data = temporaryFolder()
    using notifications = new Notifications(runtime === "deno" ? "abstract" : "path")
    const port = await freePort()
    await using manager = new Muster(["--role=manager", `--data=${data.path}`, `--listen=127.0.0.1:${port}`], {
      runtime,
      env: unitEnv(notifications),
    })
    await ready(manager, notifications)
    expect((await fetch(`http://127.0.0.1:${port}/api/health`)).ok).toBe(true)
    expect(afterStart(notifications)).toBe(
      `READY=1\nSTATUS=page on http://127.0.0.1:${port}\nWATCHDOG_USEC=${beatMs * 2_000}`,
    )

    const start = performance.now()
    const before = notifications.count("WATCHDOG=1")
    await manager.until("five more beats", () => notifications.count("WATCHDOG=1") >= before + 5)
    // The first of the five may have been due at once, and a beat that is late is followed by a whole pause.
    expect(performance.now() - start).toBeGreaterThan(4 * beatMs - 50)

    expect(notifications.count("STOPPING=1")).toBe(0)
    expect(await manager.stop("SIGTERM")).toBe(0)
    expect(notifications.count("STOPPING=1")).toBe(1)
    expect(notifications.count("READY=1")).toBe(1)
  },
  60_000,
)

/** Lets nobody through to the manager until it is opened. */
const gate = async (host: string, target: { host: string; port: number }) => {
  const waiting = new Set<Socket>()
  let isOpen = false
  const pass = (socket: Socket) => {
    const onward = connect(target)
    onward.on("error", () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  }
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    if (isOpen) pass(socket)
    else waiting.add(socket)
  })
  await new Promise<void>((resolve) => server.listen({ host, port: 8800 }, resolve))
  return {
    url: `http://${host}:8800`,
    waiting,
    open: () => {
      isOpen = true
      for (const socket of waiting) pass(socket)
    },
    [Symbol.dispose]: () => void server.close(),
  }
}

const variables = (pid: number) => readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")

test("a node says READY=1 when it has joined and listens, and is heard of until its last call has ended", async () => {
  await using cluster = new Cluster(`${net}.1`)
  await cluster.ready()
  using closed = await gate(`${net}.2`, { host: `${net}.1`, port: 8800 })
  using notifications = new Notifications()
  const agent = new Agent(`${net}.100`, join(cluster.folder, `${net}.100`), "executable")
  cluster.agents.push(agent)
  const args = ["--role=node", `--data=${agent.data}`, `--listen=${agent.ip}:8821`, "--join", closed.url]
  const node = new Muster([...args, "--token", await cluster.token()], { env: unitEnv(notifications) })
  agent.process = node

  await node.until("it wants to join", () => closed.waiting.size > 0)
  expect(notifications.count(asksForTime)).toBeGreaterThan(0)
  expect(afterStart(notifications)).toBeUndefined()
  closed.open()
  await ready(node, notifications)
  expect(await reaches(agent.ip, 8821)).toBe(true)
  expect(afterStart(notifications)).toContain(`STATUS=agent on ${agent.ip}:8821`)

  await cluster.greeter("probe", [online(agent.ip, 9100)], { module, workers: 2 })
  const workers = agent.workers()
  expect(workers).toHaveLength(2)
  for (const { pid } of workers) {
    expect(variables(pid).filter((text) => /^(?:NOTIFY_SOCKET|WATCHDOG_|LISTEN_)/.test(text))).toEqual([])
  }

  const mark = join(cluster.folder, "mark")
  const call = run(["call", "--data", agent.data, "--timeout", "20s", "probe", "work", "3000", mark])
  await node.until("the call runs", () => existsSync(mark))
  node.signal("SIGTERM")
  await node.until("STOPPING=1", () => notifications.count("STOPPING=1") === 1)
  const beats = notifications.count("WATCHDOG=1")
  expect(await Promise.race([call.then(() => "ended"), Bun.sleep(0).then(() => "open")])).toBe("open")
  await waitFor(() => notifications.count("WATCHDOG=1") >= beats + 3)
  expect((await call).code).toBe(0)
  expect(await node.exit(30_000)).toBe(0)

  // The same command line, as the unit has it, when the token is not in its file any more.
  using again = new Notifications()
  agent.process = new Muster(args, { env: unitEnv(again) })
  await ready(agent.process, again)
  await agent.process.until("it runs its services", () => agent.workers().length === 2)
}, 120_000)
