import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import type { ModuleSpec, ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const host = "127.42.1.1"

/** A node whose services write down when they begin and end. */
const fleet = async () => {
  const node = await new TestNode().join()
  const diary = node.path("diary")
  const module = (service: string) =>
    node.module(
      `${service}.js`,
      `import { appendFileSync } from "node:fs"
       const note = (text) => appendFileSync(${JSON.stringify(diary)}, text + " ${service}\\n")
       note("begin")
       process.on("exit", () => note("end"))
       export const hello = () => "${service}"`,
    )
  const of = async (service: string, over: Partial<ModuleSpec>): Promise<ProcessAssignment> => {
    const path = module(service)
    const port = await freePort(host)
    return {
      ...assignment({ ip: host, port }, path, { workers: 1, service: service as ModuleSpec["service"], ...over }),
      id: `id-${service}@${port}`,
      name: `${service}@${port}`,
    }
  }
  const written = () => (existsSync(diary) ? readFileSync(diary, "utf8").trim().split("\n") : [])
  const statusOf = async (service: string) => {
    const found = (await node.status()).processes.find((one) => one.service === service)
    if (found === undefined) throw new Error(`the node does not run ${service}`)
    return found
  }
  const isRunning = async (...services: ReadonlyArray<string>) =>
    await waitFor(
      async () => {
        for (const service of services) if ((await statusOf(service)).state !== "RUNNING") return false
        return true
      },
      { timeoutMs: 40_000, what: `${services.join()} running\n${node.logs}` },
    )
  return { node, of, module, written, statusOf, isRunning, forget: () => writeFileSync(diary, "") }
}

const needs = (condition: "started" | "ready" | "completed", service: string) =>
  ({ dependsOn: [{ service, condition }] }) as unknown as Pick<ModuleSpec, "dependsOn">

test("services start in their order and stop the other way round, with the agent too", async () => {
  const { forget, isRunning, node, of, written } = await fleet()
  await using _ = node
  await node.start()
  const sets = [
    await of("web", { startOrder: 30 }),
    await of("cache", { startOrder: 10 }),
    await of("api", { startOrder: 20 }),
  ]
  await node.apply(1, ...sets)
  await isRunning("web", "cache", "api")
  expect(written()).toEqual(["begin cache", "begin api", "begin web"])
  await node.stop()
  expect(written().slice(3)).toEqual(["end web", "end api", "end cache"])
  forget()
  await node.start()
  await isRunning("web", "cache", "api")
  expect(written()).toEqual(["begin cache", "begin api", "begin web"])
  forget()
  const stopped = sets.map((set) => ({ ...set, spec: { ...set.spec, desired: "stopped" as const } }))
  await node.apply(2, ...stopped)
  await waitFor(() => written().length === 3, { timeoutMs: 20_000 })
  expect(written()).toEqual(["end web", "end api", "end cache"])
  expect(node.left()).toEqual([])
})

test("a service does not start before what it needs is ready, and says what it waits for", async () => {
  const { isRunning, module, node, of, statusOf, written } = await fleet()
  await using _ = node
  await node.start()
  const cache = await of("cache", {})
  const path = node.module("cache.js", `throw new Error("no memory today")`)
  await node.apply(1, cache, await of("api", needs("ready", "cache")), await of("web", needs("started", "api")))
  const waits = await waitFor(async () => {
    const now = await statusOf("api")
    return now.waitingFor?.includes("no memory today") === true && now
  })
  expect(waits).toMatchObject({
    state: "STOPPED",
    waitingFor: expect.stringMatching(/^cache is not ready: .*no memory/),
  })
  expect((await statusOf("web")).waitingFor).toStartWith("api has not started")
  expect(written()).toEqual([])
  expect(await node.reload((await statusOf("web")).name)).toMatchObject({
    outcome: "failed",
    reason: expect.stringMatching(/^it waits before its start: api has not started/),
  })
  module("cache")
  expect(path).toEndWith("cache.js")
  await isRunning("cache", "api", "web")
  expect(written()).toEqual(["begin cache", "begin api", "begin web"])
  expect((await statusOf("api")).waitingFor).toBeNull()
})

test("what waits for a service that this node does not run, or for itself, says so and holds up nobody", async () => {
  const { isRunning, node, of, statusOf } = await fleet()
  await using _ = node
  await node.start()
  await node.apply(
    1,
    await of("api", { ...needs("ready", "elsewhere"), startOrder: 1 }),
    await of("egg", { ...needs("ready", "hen"), startOrder: 1 }),
    await of("hen", { ...needs("ready", "egg"), startOrder: 1 }),
    await of("web", { startOrder: 900 }),
  )
  await isRunning("web")
  expect((await statusOf("api")).waitingFor).toBe("this node does not run elsewhere")
  const [egg, hen] = [await statusOf("egg"), await statusOf("hen")]
  expect(egg.waitingFor).toBe(`it depends on itself: ${egg.name} needs ${hen.name} needs ${egg.name}`)
  expect(node.logs).toContain("waits before its start: this node does not run elsewhere")
  await node.apply(
    2,
    await of("api", { ...needs("ready", "elsewhere"), startOrder: 1 }),
    await of("elsewhere", { startOrder: 900 }),
  )
  await isRunning("api", "elsewhere")
})
