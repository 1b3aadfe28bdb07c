import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent, runService } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

const verdict = { outcome: "done", replaced: 1, total: 1, reason: null, tookMs: 5 }

describe("a reload", () => {
  let manager: TestManager
  let admin: Visitor
  let one: TestAgent
  let two: TestAgent
  let service: { id: string }
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    one = await joinedAgent(manager, "one", "127.1.31.1", 8821)
    two = await joinedAgent(manager, "two", "127.1.31.2", 8821)
    service = await runService(
      manager,
      "greeter",
      [one, two],
      [
        { ip: "127.1.31.1", port: 9101 },
        { ip: "127.1.31.2", port: 9101 },
      ],
    )
  })
  afterAll(async () => {
    await one.stop()
    await two.stop()
    await manager.stop()
  })

  const reload = (body: unknown) => api(manager)("POST", "/services/greeter/reload", body)
  const page = async () => (await admin.ask(`/services/${service.id}/process`)).text

  test("waits for the verdict of each node, and names the one that failed", async () => {
    two.reload = () => ({ outcome: "failed", replaced: 0, total: 2, reason: "Cannot find module 'x'", tookMs: 9 })
    const { body, status } = await reload({})
    expect(status).toBe(200)
    expect(body).toEqual({
      verdicts: [
        { nodeId: one.nodeId, nodeName: "one", name: "greeter@9101", ...verdict },
        {
          nodeId: two.nodeId,
          nodeName: "two",
          name: "greeter@9101",
          outcome: "failed",
          replaced: 0,
          total: 2,
          reason: "Cannot find module 'x'",
          tookMs: 9,
        },
      ],
    })
  })

  test("of one node asks that node alone, by its name, id or address", async () => {
    const asked: Array<string> = []
    for (const agent of [one, two]) agent.reload = () => (asked.push(agent.nodeId), verdict)
    expect((await reload({ node: "two" })).body.verdicts).toHaveLength(1)
    expect((await reload({ node: one.nodeId })).body.verdicts).toHaveLength(1)
    expect((await reload({ node: "127.1.31.2" })).body.verdicts).toHaveLength(1)
    expect(asked).toEqual([two.nodeId, one.nodeId, two.nodeId])
    const unknown = await reload({ node: "three" })
    expect(unknown.status).toBe(404)
    expect(unknown.body.message).toBe('There is no node "three" that runs greeter')
    expect((await api(manager)("POST", "/services/node_manager/reload", {})).status).toBe(409)
  })

  test("that a node could not be asked for is its failure, told on the page until the next one", async () => {
    await two.stop()
    try {
      const { verdicts } = (await reload({})).body
      expect(verdicts[0]).toMatchObject({ nodeName: "one", outcome: "done" })
      expect(verdicts[1]).toMatchObject({ nodeName: "two", outcome: "failed", total: 0 })
      expect(verdicts[1].reason).toContain("127.1.31.2")
      expect((await page()).includes("Reload failed")).toBe(true)
    } finally {
      await two.start()
    }
    await waitFor(async () => (await reload({ node: "two" })).body.verdicts[0].outcome === "done")
    expect((await page()).includes("Reload failed")).toBe(false)
  })

  test("begun on the page answers soon, and shows how far it is and what it came to", async () => {
    const asked = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    one.reload = async () => {
      asked.resolve()
      await over.promise
      return verdict
    }
    const answer = await admin.htmx(`/services/${service.id}/process/reload`, {
      method: "POST",
      form: { node: one.nodeId },
    })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain("Reloading at 1 place")
    await asked.promise
    const begun = { replaced: 1, total: 4, reason: null, startedAt: Date.now(), endedAt: null }
    one.tellReload("greeter@9101", { ...begun, state: "running" })
    await waitFor(async () => (await page()).includes("Reloading: 1 of 4 processes are new"))
    one.tellReload("greeter@9101", { ...begun, state: "failed", reason: "exited with code 3", endedAt: Date.now() })
    over.resolve()
    await waitFor(async () => (await page()).includes("1 of 4 processes are new, the others serve on."))
    expect((await page()).includes("Exited with code 3")).toBe(true)
  })

  test("needs the token of the session", async () => {
    const path = `/services/${service.id}/process/reload`
    expect((await admin.htmx(path, { method: "POST", headers: { "x-csrf-token": "" } })).status).toBe(403)
    expect((await admin.ask(path)).status).toBe(404)
  })
})
