import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { availableParallelism } from "node:os"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { ServiceName } from "../../src/domain/ServiceName.ts"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { greeterModule } from "../support/executable.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const started = async () => (await new TestNode().join()).start()
const local = async () => ({ ip: "127.0.0.1", port: await freePort() })

const slowModule = `
export const pid = () => process.pid
export const slow = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }
export const spin = (ms) => { const end = Date.now() + ms; while (Date.now() < end); return process.pid }
export const leave = () => process.exit(3)
`

test("a service's workers answer on its port, and a stop leaves no process behind", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, greeterModule))
  const pids = await node.running(2)
  expect(new Set(pids).size).toBe(2)
  expect(await callOnce(listen.port, "hello", ["世界"])).toMatch(/^Hello, 世界! Process \d+ says so\.$/)
  await node.stop()
  expect(node.left()).toEqual([])
  await waitFor(() => /ready with \d+ methods/.test(node.said(`greeter@${listen.port}`)))
})

test("a worker killed under load fails the calls in flight on it and no others, and is replaced", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("slow.js", slowModule), { workers: 3 }))
  const pids = await node.running(3)
  const victim = pids[1] ?? 0
  const failures: Array<{ error: unknown; inFlight: boolean }> = []
  let answered = 0
  const stop = new AbortController()
  let killed = false
  const caller = async () => {
    while (!stop.signal.aborted) {
      const to = { host: listen.ip, port: listen.port }
      // A connection that the victim had accepted and not greeted is lost with it, and carries no call.
      const connection = await RpcConnection.open({ to, client: "load" }).catch((error: unknown) => {
        failures.push({ error, inFlight: killed })
      })
      if (connection === undefined) continue
      const onVictim = connection.hello.worker.pid === victim
      for (let nth = 0; nth < 20 && !stop.signal.aborted && connection.state === "open"; nth++) {
        const result = connection.call("slow", [2], { timeoutMs: 5_000 })
        await result.then(
          () => (answered += 1),
          (error: unknown) => failures.push({ error, inFlight: onVictim && killed }),
        )
      }
      connection.close()
    }
  }
  const callers = Array.from({ length: 16 }, caller)
  await waitFor(() => answered > 500)
  killed = true
  process.kill(victim, "SIGKILL")
  const after = await waitFor(async () => {
    const now = await node.running(3)
    return !now.includes(victim) && now
  })
  const then = answered
  await waitFor(() => answered > then + 500)
  stop.abort()
  await Promise.all(callers)
  expect(failures.filter(({ inFlight }) => !inFlight)).toEqual([])
  expect(failures.length).toBeLessThanOrEqual(16)
  for (const { error } of failures) expect(error instanceof RpcError && error.code).toBe("unavailable")
  expect(after.filter((pid) => pids.includes(pid))).toEqual([pids[0] ?? 0, pids[2] ?? 0])
  const { workers } = await node.process()
  expect(workers.map(({ restarts }) => restarts)).toEqual([0, 1, 0])
  expect(node.logs).toContain("down: killed by SIGKILL; next try in")
})

test("changing the number of workers touches only the difference", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("slow.js", slowModule)
  await node.apply(1, assignment(listen, module, { workers: 2 }))
  const two = await node.running(2)
  await node.apply(2, assignment(listen, module, { workers: 4, specRevision: 2 }))
  const four = await node.running(4)
  expect(four.slice(0, 2)).toEqual(two)
  await node.apply(3, assignment(listen, module, { workers: 1, specRevision: 3 }))
  expect(await node.running(1)).toEqual(two.slice(0, 1))
  for (let nth = 0; nth < 20; nth++) expect(await callOnce(listen.port, "pid")).toBe(two[0])
  expect(node.left().length).toBe(1)
})

test("workers 0 means one for each CPU", async () => {
  await using node = await started()
  await node.apply(1, assignment(await local(), greeterModule, { workers: 0 }))
  expect((await node.running(availableParallelism())).length).toBe(availableParallelism())
})

test("a changed variable reaches the workers, and an unchanged set touches nothing", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("env.js", "export const tell = () => [process.env.GREETING, process.env.NODE_ENV]")
  await node.apply(1, assignment(listen, module, { env: { GREETING: "one" } }))
  const before = await node.running(2)
  expect(await callOnce(listen.port, "tell")).toEqual(["one", "production"])
  await node.apply(2, assignment(listen, module, { env: { GREETING: "one" }, specRevision: 2 }))
  expect(await node.running(2)).toEqual(before)
  // An operator may say another NODE_ENV.
  await node.apply(3, assignment(listen, module, { env: { GREETING: "two", NODE_ENV: "test" }, specRevision: 3 }))
  await waitFor(async () => (await node.process()).reload?.state === "done")
  expect((await node.running(2)).filter((pid) => before.includes(pid))).toEqual([])
  expect(await callOnce(listen.port, "tell")).toEqual(["two", "test"])
})

test("a module that can't be loaded is named with file, line and column, and is tried again until it can", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("broken.ts", "export const fine = 1\nexport const hello = (name: string => name\n")
  await node.apply(1, assignment(listen, module, { workers: 1 }))
  const status = await waitFor(async () => {
    const now = await node.process()
    return now.state === "BACKOFF" && now
  })
  expect(status.reason).toMatch(new RegExp(`^${module}:2:\\d+: `))
  expect(status.workers[0]?.reason).toBe(status.reason)
  writeFileSync(module, "export const hello = (name: string) => name\n")
  await node.running(1)
  expect(await callOnce(listen.port, "hello", ["x"])).toBe("x")
  expect((await node.process()).reason).toBeNull()
})

test("the agent starts its services from its disk with no manager there", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(4, assignment(listen, greeterModule))
  await node.running(2)
  await node.stop()
  expect(node.left()).toEqual([])
  await node.start()
  await node.running(2)
  expect((await node.status()).processesRevision).toBe(4)
  expect(await callOnce(listen.port, "hello", ["again"])).toContain("Hello, again!")
})

test("a port that another program has is named, and the service starts when it is free", async () => {
  await using node = await started()
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => resolve((server.address() as { port: number }).port))
  })
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, greeterModule))
  const status = await waitFor(async () => {
    const now = await node.process()
    return now.reason !== null && now
  })
  expect(status.state).toBe("BACKOFF")
  expect(status.reason).toStartWith(`127.0.0.1:${port} is in use by pid ${process.pid} (`)
  server.close()
  await node.running(2)
})

test("two services that are given one port: the second says so, and starts when the first is gone", async () => {
  await using node = await started()
  const listen = await local()
  const first = assignment(listen, greeterModule)
  const second = { ...first, name: `other@${listen.port}`, spec: { ...first.spec, service: ServiceName.make("other") } }
  await node.apply(1, first)
  await node.running(2)
  await node.apply(2, first, second)
  const status = await waitFor(async () => {
    const now = (await node.status()).processes.find(({ name }) => name === second.name)
    return now !== undefined && now.reason !== null && now
  })
  expect(status).toMatchObject({
    state: "BACKOFF",
    reason: `127.0.0.1:${listen.port} is in use by another service of this node: give one of the two another port`,
  })
  await node.apply(3, second)
  await node.running(2)
})

test("a stopped service refuses its callers, and runs again when it is wanted again", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, greeterModule))
  await node.running(2)
  await node.apply(2, assignment(listen, greeterModule, { desired: "stopped", specRevision: 2 }))
  await waitFor(async () => (await node.process()).state === "STOPPED")
  expect(node.left()).toEqual([])
  await expect(callOnce(listen.port, "hello", ["x"])).rejects.toThrow(
    /ECONNREFUSED|refused|Cannot connect|unavailable/i,
  )
  await node.apply(3, assignment(listen, greeterModule, { specRevision: 3 }))
  await node.running(2)
  await node.apply(4)
  await waitFor(() => node.left().length === 0)
  await waitFor(async () => (await node.status()).processes.length === 0)
})

test("a call that runs when its worker is stopped is answered", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("slow.js", slowModule), { workers: 1 }))
  const [pid] = await node.running(1)
  const answer = callOnce(listen.port, "slow", [800])
  await waitFor(() => existsSync(`/proc/${pid}`))
  await Bun.sleep(100)
  await node.apply(2)
  expect(await answer).toBe(pid)
  await waitFor(() => node.left().length === 0)
})

test("a worker that hears no signal is killed when its time to drain is over", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(1, assignment(listen, node.module("slow.js", slowModule), { workers: 1, drainTimeoutMs: 100 }))
  await node.running(1)
  const spinning = callOnce(listen.port, "spin", [60_000])
  await Bun.sleep(200)
  await node.apply(2)
  await expect(spinning).rejects.toThrow()
  await waitFor(() => node.left().length === 0, { timeoutMs: 8_000 })
  expect(node.logs).toContain("did not stop in time, killing it")
})

test("what a worker has started ends with it", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module(
    "parent.js",
    `import { spawn } from "node:child_process"
     const child = spawn("sleep", ["300"], { stdio: "ignore" })
     export const grandchild = () => child.pid`,
  )
  await node.apply(1, assignment(listen, module, { workers: 1 }))
  const [pid] = await node.running(1)
  const grandchild = (await callOnce(listen.port, "grandchild")) as number
  expect(existsSync(`/proc/${grandchild}`)).toBe(true)
  const pingSocket = node.path("run", `p${pid}`)
  expect(existsSync(pingSocket)).toBe(true)
  process.kill(pid ?? 0, "SIGKILL")
  await waitFor(() => !existsSync(`/proc/${grandchild}`))
  await waitFor(() => !existsSync(pingSocket))
})

test("an older process set is refused, and the same one is no change", async () => {
  await using node = await started()
  const listen = await local()
  await node.apply(5, assignment(listen, greeterModule, { workers: 1 }))
  const [pid] = await node.running(1)
  expect(await node.apply(5)).toEqual({ revision: 5 })
  await expect(node.apply(4)).rejects.toThrow("process set revision 4 is older than 5, which this node has")
  expect(await node.running(1)).toEqual([pid ?? 0])
})

test("callers of a service whose workers all keep failing are refused at once, until one serves again", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("broken.js", `throw new Error("not today")`)
  await node.apply(1, assignment(listen, module))
  const refused = () =>
    callOnce(listen.port, "ping").then(
      () => false,
      (error: unknown) => error instanceof RpcError && /ECONNREFUSED|refused/i.test(error.message),
    )
  await waitFor(refused, { timeoutMs: 10_000, what: "a refusal" })
  writeFileSync(module, "export const ok = () => 1")
  await node.running(2)
  expect(await callOnce(listen.port, "ok")).toBe(1)
})

test("a port that was taken while all workers were down is named, and the service returns when it is free", async () => {
  await using node = await started()
  const listen = await local()
  const module = node.module("broken.js", `throw new Error("not today")`)
  await node.apply(1, assignment(listen, module, { workers: 1 }))
  const other = await waitFor(() => listenOn(listen), { timeoutMs: 10_000, what: "a port that was given up" })
  writeFileSync(module, "export const ok = () => 1")
  await waitFor(async () => (await node.process()).reason?.includes(`is in use by pid ${process.pid}`) === true, {
    timeoutMs: 10_000,
    what: "the holder's name",
  })
  other.close()
  await node.running(1)
  expect(await callOnce(listen.port, "ok")).toBe(1)
})

const listenOn = ({ ip, port }: { ip: string; port: number }) =>
  new Promise<Server | undefined>((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    server.listen({ host: ip, port }, () => resolve(server))
  })

test("a process set with a name that would leave the log folder is refused", async () => {
  await using node = await started()
  const one = assignment(await local(), greeterModule)
  const refusal = node.apply(1, { ...one, name: "../../outside" })
  expect(await refusal.catch(String)).toContain("processes.0.name: must be SERVICE@PORT")
  expect((await node.status()).processesRevision).toBe(0)
})

test("as many connections wait on a worker's socket as the spec says, also when that is changed", async () => {
  await using node = await started()
  const listen = await local()
  const queues = () =>
    Bun.spawnSync(["ss", "-Hltn", `sport = :${listen.port}`])
      .stdout.toString()
      .trim()
      .split("\n")
      .map((line) => Number(line.split(/\s+/)[2]))
  const backlog = (length: number) => ({ rpc: { ...defaultRpcSettings, backlog: length } })
  await node.apply(1, assignment(listen, greeterModule, backlog(77)))
  const before = await node.running(2)
  await waitFor(() => queues().join() === "77,77")
  await node.apply(2, assignment(listen, greeterModule, { ...backlog(99), specRevision: 2 }))
  await waitFor(() => queues().join() === "99,99")
  expect(await node.running(2)).toEqual(before)
})
