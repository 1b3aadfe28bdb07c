import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent, runService } from "./JoinedAgent.ts"
import { api, startManager, type TestManager } from "./TestManager.ts"

type Instance = { delivery: { state: string; wanted: { desired: string } } }
const isAway = ({ connection }: { connection: string }) => connection === "away"
type NodeOutcome = { nodeName: string; outcome: string; reason: string | null; ready: number; total: number }

describe("an action on processes", () => {
  let manager: TestManager
  let one: TestAgent
  let two: TestAgent
  beforeAll(async () => {
    manager = await startManager()
    one = await joinedAgent(manager, "one", "127.47.1.1", 8821)
    two = await joinedAgent(manager, "two", "127.47.1.2", 8821)
    await runService(
      manager,
      "greeter",
      [one, two],
      [
        { ip: "127.47.1.1", port: 9101 },
        { ip: "127.47.1.2", port: 9101 },
      ],
    )
    await call("POST", "/services", { name: "cleaner" })
    await call("PUT", "/services/cleaner/process", {
      kind: "command",
      command: { shell: "sleep 1" },
      nodes: ["127.47.1.1", "127.47.1.2", "127.47.1.9"],
    })
    await waitFor(() => one.processes.at(-1)?.processes.length === 2 && two.processes.at(-1)?.processes.length === 2)
  })
  afterAll(async () => {
    await one.stop()
    await two.stop()
    await manager.stop()
  })

  const call = async (method: string, path: string, body?: unknown) => api(manager)(method, path, body)
  const act = async (name: string, action: string, body: unknown = {}) => {
    const { body: answer, status } = await call("POST", `/services/${name}/${action}`, body)
    const nodes: ReadonlyArray<NodeOutcome> = answer.nodes ?? []
    return { status, answer, nodes: nodes.map(({ nodeName, outcome }) => [nodeName, outcome]) }
  }
  const has = (agent: TestAgent, name: string) => {
    const found = agent.processes.at(-1)?.processes.find((process) => process.name === name)
    return found === undefined ? undefined : [found.specRevision, found.spec.desired]
  }
  const statusOf = async (name: string) => (await call("GET", `/status?service=${name}`)).body.services[0]

  test("of one node overrides what is wanted of all, and is over when it has happened", async () => {
    expect((await act("greeter", "stop", { node: "two" })).nodes).toEqual([["two", "done"]])
    expect([has(one, "greeter@9101"), has(two, "greeter@9101")]).toEqual([
      [1, "running"],
      [1, "stopped"],
    ])
    const { process } = await statusOf("greeter")
    expect(process.desired).toBe("running")
    expect(
      process.instances.map((instance: Instance) => [instance.delivery.state, instance.delivery.wanted.desired]),
    ).toEqual([
      ["acked", "running"],
      ["acked", "stopped"],
    ])
    expect((await act("greeter", "start")).nodes).toEqual([
      ["one", "done"],
      ["two", "done"],
    ])
    expect(has(two, "greeter@9101")).toEqual([1, "running"])
    expect((await act("greeter", "stop", { node: "three" })).answer.message).toBe(
      'There is no node "three" that runs greeter',
    )
    expect((await act("node_manager", "stop")).status).toBe(409)
    expect((await act("nobody", "stop")).status).toBe(404)
  })

  test("that stops a node which is away is kept, and delivered when it is back", async () => {
    await two.stop()
    await waitFor(async () => (await call("GET", "/nodes")).body.some(isAway))
    const stopped = await act("greeter", "stop")
    expect(stopped.nodes).toEqual([
      ["one", "done"],
      ["two", "kept"],
    ])
    expect(stopped.answer.outcome).toBe("kept")
    expect(has(two, "greeter@9101")).toEqual([1, "running"])
    await two.start()
    await waitFor(() => has(two, "greeter@9101")?.[1] === "stopped")
    await act("greeter", "start")
  })

  test("that starts what gives up fails with its reason, and begins anew what has given up", async () => {
    await act("greeter", "stop", { node: "one" })
    const worker = { slot: 0, pid: null, restarts: 3, since: 1, ready: false, adopted: false }
    const fatal = { ...worker, state: "FATAL" as const, reason: "exited with code 3" }
    one.tellState("greeter@9101", "FATAL", { workers: [fatal] })
    const failed = await act("greeter", "start", { node: "one" })
    expect(failed.answer.nodes[0]).toMatchObject({ outcome: "failed", reason: "exited with code 3" })
    const asked: Array<unknown> = []
    one.restart = (request) => {
      asked.push(request)
      one.tellState("greeter@9101", undefined)
      return { outcome: "done", restarted: 1, total: 1, reason: null, tookMs: 1 }
    }
    expect((await act("greeter", "start", { node: "one" })).nodes).toEqual([["one", "done"]])
    expect(asked).toEqual([{ name: "greeter@9101", slot: 0, kind: "calls" }])
  })

  test("that waits for another service says so", async () => {
    one.tellState("cleaner", "STOPPED", { waitingFor: "cache is not ready" })
    const { answer } = await act("cleaner", "start", { node: "one" })
    expect(answer.nodes[0]).toMatchObject({ outcome: "pending", reason: "cache is not ready" })
    one.tellState("cleaner", undefined)
  }, 20_000)

  test("that restarts asks the node for all or for one instance, and never what is stopped or away", async () => {
    const asked: Array<unknown> = []
    for (const agent of [one, two])
      agent.restart = (request) => {
        asked.push(request)
        return { outcome: "done", restarted: 3, total: 3, reason: null, tookMs: 1 }
      }
    const all = await act("greeter", "restart")
    expect(all.nodes).toEqual([
      ["one", "done"],
      ["two", "done"],
    ])
    // As the node says, whose status may be of a moment before.
    expect(all.answer.nodes[0]).toMatchObject({ ready: 3, total: 3 })
    await act("greeter", "restart", { node: "one", slot: 3, kind: "tasks" })
    expect(asked).toEqual([
      { name: "greeter@9101" },
      { name: "greeter@9101" },
      { name: "greeter@9101", slot: 3, kind: "tasks" },
    ])
    await act("greeter", "stop", { node: "one" })
    const stopped = await act("greeter", "restart", { node: "one" })
    expect(stopped.answer.nodes[0]).toMatchObject({ outcome: "failed", reason: "It is stopped: start it instead" })
    await act("greeter", "start", { node: "one" })
    expect((await act("greeter", "restart", { slot: -1 })).answer.fields.slot).toContain("must be a whole number")
  })

  test("that scales makes a new revision, and leaves held back what was", async () => {
    const held = await call("PUT", "/services/greeter/process", {
      module: "/srv/next.ts",
      workers: 1,
      push: false,
    })
    expect(held.body).toEqual({ revision: 2, pushed: false })
    expect((await act("greeter", "scale", { count: 3 })).nodes).toEqual([
      ["one", "done"],
      ["two", "done"],
    ])
    const sent = one.processes.at(-1)!.processes.find(({ name }) => name === "greeter@9101")!
    expect(sent).toMatchObject({ specRevision: 3, spec: { workers: 3, module: "/srv/module.ts" } })
    expect(await statusOf("greeter")).toMatchObject({ process: { revision: 4, pushed: 3 } })
    expect((await act("greeter", "scale", { count: 257 })).answer.fields.count).toBe(
      "must be a whole number from 0 to 256, not 257",
    )
    expect((await act("cleaner", "scale", { count: 0 })).answer.fields.count).toContain("from 1 to 256")
  })

  test("a revision that is held back goes to one node first, then to all, or back", async () => {
    expect((await act("greeter", "process/push", { node: "two" })).nodes).toEqual([["two", "done"]])
    expect([has(one, "greeter@9101"), has(two, "greeter@9101")]).toEqual([
      [3, "running"],
      [4, "running"],
    ])
    await act("greeter", "process/push", { node: "two", revision: 3 })
    expect(has(two, "greeter@9101")).toEqual([3, "running"])
    await act("greeter", "process/push")
    expect([has(one, "greeter@9101"), has(two, "greeter@9101")]).toEqual([
      [4, "running"],
      [4, "running"],
    ])
    const unknown = await act("greeter", "process/push", { revision: 77 })
    expect([unknown.status, unknown.answer.message]).toEqual([404, 'There is no process revision "77"'])
  })

  test("a node that refuses what it is to run is named, with the reason and the next try", async () => {
    two.processesRefusal = "processes: no such user"
    const { answer } = await act("greeter", "scale", { count: 2 })
    expect(answer.nodes).toMatchObject([
      { nodeName: "one", outcome: "done" },
      { nodeName: "two", outcome: "failed", reason: "processes: no such user" },
    ])
    const { process } = await waitFor(async () => {
      const found = await statusOf("greeter")
      return found.process.instances[1].delivery.nextTryAt !== null && found
    })
    expect(process.instances[1].delivery).toMatchObject({ state: "refused", message: "processes: no such user" })
    two.processesRefusal = undefined
    await waitFor(async () => (await statusOf("greeter")).process.instances[1].delivery.state === "acked", {
      timeoutMs: 40_000,
    })
  }, 60_000)

  test("of a program that listens nowhere reaches the nodes that its spec names, and names those that never joined", async () => {
    expect(await statusOf("cleaner")).toMatchObject({
      health: "degraded",
      process: { kind: "command", notJoined: ["127.47.1.9"], instances: [{ name: "cleaner" }, { name: "cleaner" }] },
    })
    expect((await act("cleaner", "stop")).nodes).toEqual([
      ["one", "done"],
      ["two", "done"],
    ])
    expect((await statusOf("cleaner")).health).toBe("off")
    const list = (await call("GET", "/services")).body.find(({ name }: { name: string }) => name === "cleaner")
    expect(list.processes).toEqual({
      kind: "command",
      desired: "stopped",
      wanted: 0,
      running: 0,
      stopping: 0,
      workers: { ready: 0, want: 0 },
    })
    await act("cleaner", "start")
  })

  test("on several services has a result for each, also for one that is not there", async () => {
    const { body } = await call("POST", "/services/actions", {
      action: "stop",
      services: ["greeter", "cleaner", "nobody", "node_manager"],
    })
    expect(body.results).toMatchObject([
      { service: "greeter", outcome: "done", error: null },
      { service: "cleaner", outcome: "done", error: null },
      { service: "nobody", outcome: "failed", error: 'There is no service "nobody"', nodes: [] },
      { service: "node_manager", outcome: "failed", nodes: [] },
    ])
    expect(body.results[0].nodes).toHaveLength(2)
    const again = await call("POST", "/services/actions", { action: "start", services: ["greeter", "cleaner"] })
    expect(again.body.results.map(({ outcome }: NodeOutcome) => outcome)).toEqual(["done", "done"])
    expect((await call("POST", "/services/actions", { action: "explode", services: [] })).status).toBe(422)
  })

  test("a spec that is saved without a word on what is wanted leaves stopped what was stopped", async () => {
    await act("greeter", "stop")
    const { revision } = (await call("PUT", "/services/greeter/process", { module: "/srv/later.ts" })).body
    await waitFor(() => has(one, "greeter@9101")?.[0] === revision)
    expect(has(one, "greeter@9101")).toEqual([revision, "stopped"])
    await call("PUT", "/services/greeter/process", { module: "/srv/later.ts", desired: "running" })
    await waitFor(() => has(two, "greeter@9101")?.[1] === "running")
  })
})
