import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent, runService } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

const letter = (id: string) => ({
  id,
  task: "resize",
  state: "dead" as const,
  attempts: 5,
  attemptsMax: 5,
  payload: `{"of":"${id}"}`,
  queuedAt: 1_000,
  dueAt: null,
  error: `no <space> for ${id}`,
})

describe("the tasks of a service", () => {
  let manager: TestManager
  let admin: Visitor
  let one: TestAgent
  let two: TestAgent
  let service: { id: string }
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    one = await joinedAgent(manager, "one", "127.1.34.1", 8821)
    two = await joinedAgent(manager, "two", "127.1.34.2", 8821)
    const endpoints = ["127.1.34.1", "127.1.34.2"].map((ip) => ({ ip, port: 9101 }))
    service = await runService(manager, "greeter", [one, two], endpoints)
  })
  beforeEach(() => {
    for (const [agent, ids] of [
      [one, ["a", "b"]],
      [two, ["c"]],
    ] as const) {
      agent.letters.clear()
      for (const id of ids) agent.letters.set(id, letter(id))
    }
  })
  afterAll(async () => {
    await one.stop()
    await two.stop()
    await manager.stop()
  })

  const left = () => [one, two].map((agent) => [...agent.letters.keys()].join(""))
  const page = async () => (await admin.ask(`/services/${service.id}/tasks`)).text
  const post = (what: string, form: ReadonlyArray<readonly [string, string]>) =>
    admin.htmx(`/services/${service.id}/tasks/${what}`, { method: "POST", form })
  const call = (path: string, body: unknown) => api(manager)("POST", `/services/greeter/tasks/${path}`, body)

  test("are counted and listed by node, over the API in any state", async () => {
    const list = (query: string) => api(manager)("GET", `/services/greeter/tasks${query}`)
    const { nodes } = (await list("")).body
    expect(nodes).toMatchObject([
      { nodeName: "one", name: "greeter@9101", counts: { waiting: 7, running: 1, dead: 2 }, tasks: [{}, {}] },
      { nodeName: "two", counts: { dead: 1 }, tasks: [letter("c")] },
    ])
    expect((await list("?limit=1&node=one")).body.nodes).toMatchObject([{ tasks: [{ id: "a" }] }])
    expect((await list("?state=waiting")).body.nodes[0].tasks).toEqual([])
    expect((await list("?state=lost")).status).toBe(422)
    expect((await list("?limit=0")).body.fields).toEqual({ limit: "must be a whole number from 1 to 1000" })
    expect((await list("?node=three")).status).toBe(404)
  })

  test("are queued again or thrown away by id, by node, or all", async () => {
    expect((await call("requeue", { ids: ["a", "c", "none"] })).body).toEqual({ changed: 2, failed: [] })
    expect(left()).toEqual(["b", ""])
    expect((await call("discard", { ids: "all", node: "two" })).body).toEqual({ changed: 0, failed: [] })
    expect((await call("discard", { ids: "all", node: "127.1.34.2" })).body).toEqual({ changed: 0, failed: [] })
    expect((await call("discard", { ids: "all" })).body).toEqual({ changed: 1, failed: [] })
    expect(left()).toEqual(["", ""])
    expect((await call("requeue", { ids: [] })).status).toBe(422)
    expect((await call("requeue", {})).status).toBe(422)
  })

  test("of a node that is away are named, and what can be done is done", async () => {
    await two.stop()
    try {
      const { body } = await call("discard", { ids: "all" })
      expect(body).toMatchObject({ changed: 2, failed: [{ nodeName: "two" }] })
      expect((await call("requeue", { ids: "all", node: "two" })).status).toBe(409)
      expect((await api(manager)("GET", "/services/greeter/tasks")).body.silent).toMatchObject([{ nodeName: "two" }])
    } finally {
      await two.start()
    }
    await waitFor(async () => (await api(manager)("GET", "/services/greeter/tasks")).body.silent.length === 0)
  })

  test("are shown with their reasons, and leave the page when they are queued again or thrown away", async () => {
    await waitFor(async () => (await page()).includes("no &lt;space&gt; for c"))
    const requeued = await post("requeue", [
      ["task", "a"],
      ["node", one.nodeId],
    ])
    expect(requeued.text).toContain("1 task is queued again")
    expect(requeued.text).not.toContain("for a<")
    const discarded = await post("discard", [
      ["task", "b"],
      ["task", "c"],
    ])
    expect(discarded.text).toContain("2 tasks discarded")
    expect(discarded.text).toContain("No dead letters")
    expect((await post("discard", [["all", "1"]])).text).toContain("not there any more")
    expect((await post("requeue", [])).status).toBe(422)
    expect(left()).toEqual(["", ""])
  })

  test("are live while somebody looks", async () => {
    const leaving = new AbortController()
    const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const stream = await fetch(`${manager.url}/events?t=tasks:${service.id}`, {
      headers: { cookie },
      signal: leaving.signal,
    })
    let seen = ""
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) seen += decoder.decode(chunk)
    })().catch(() => undefined)
    await waitFor(() => seen.includes("#task-letters") && seen.includes("for c"))
    two.letters.set("new", letter("new"))
    await waitFor(() => seen.includes("for new"))
    leaving.abort()
    await reading
  })

  test("need the token of the session to be changed", async () => {
    const path = `/services/${service.id}/tasks/discard`
    const form = { all: "1" }
    expect((await admin.htmx(path, { method: "POST", form, headers: { "x-csrf-token": "" } })).status).toBe(403)
    expect(left()).toEqual(["ab", "c"])
  })
})
