import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

const shell = (line: string) => ({ kind: "command", command: { shell: line } })
const interval = { kind: "interval", everySeconds: 60 }

describe("cron tasks", () => {
  let manager: TestManager
  let admin: Visitor
  let agent: TestAgent
  let call: ReturnType<typeof api>
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    agent = await joinedAgent(manager, "one", "127.48.2.1", 8821)
    call = api(manager)
  })
  afterAll(async () => {
    await agent.stop()
    await manager.stop()
  })

  const has = (id: string) => agent.cronSets.at(-1)?.tasks.find((task) => task.id === id)
  const create = async (name: string, rest: object = {}) => {
    const body = { name, node: "one", schedule: interval, action: shell("echo <b>hi</b>"), ...rest }
    const made = await call("POST", "/cron", body)
    expect(made.status).toBe(201)
    await waitFor(async () => (await call("GET", `/cron/${name}`)).body.place.state === "here")
    return made.body as { readonly id: string }
  }

  test("are made, read, changed in part and deleted over the API, by name or id", async () => {
    const { id } = await create("api")
    expect(has(id)).toMatchObject({ overlap: "skip", missed: "once", timeoutMs: 3_600_000, keepRuns: 200 })
    const changed = await call("PUT", "/cron/api", { schedule: { ...interval, everySeconds: 5 }, enabled: false })
    expect(changed.body).toMatchObject({ id, revision: 2, enabled: false, schedule: { everySeconds: 5 } })
    expect(changed.body.action.command).toEqual({ shell: "echo <b>hi</b>" })
    expect((await call("PUT", `/cron/${id}`, { revision: 1, retries: 3 })).status).toBe(409)
    expect((await call("PUT", `/cron/${id}`, { revision: 2, retries: 3 })).body.retries).toBe(3)
    expect((await call("GET", "/cron")).body.map((task: { name: string }) => task.name)).toEqual(["api"])
    expect((await call("DELETE", "/cron/api")).status).toBe(204)
    expect((await call("GET", "/cron/api")).status).toBe(404)
    await waitFor(() => has(id) === undefined)
    expect((await call("POST", `/cron/${id}/restore`)).body).toMatchObject({ id, name: "api", retries: 3 })
    await waitFor(() => has(id) !== undefined)
    expect((await call("DELETE", `/cron/${id}`)).status).toBe(204)
    await create("api")
    const taken = await call("POST", `/cron/${id}/restore`)
    expect(taken).toMatchObject({ status: 409, body: { message: expect.stringContaining("api") } })
    expect((await call("POST", "/cron/none/restore")).status).toBe(404)
    expect((await call("DELETE", "/cron/api")).status).toBe(204)
  })

  test("are refused with the field, the value and what is expected", async () => {
    const wrong = async (rest: object) =>
      (await call("POST", "/cron", { name: "x", node: "one", action: shell("x"), ...rest })).body
    const cron = (expression: string, timeZone: string) => ({ schedule: { kind: "cron", expression, timeZone } })
    expect((await wrong(cron("61 * * * *", "UTC"))).fields["schedule.expression"]).toContain('"61"')
    expect((await wrong(cron("1 * * * *", "Asia/Peking"))).fields["schedule.timeZone"]).toContain("Asia/Peking")
    expect((await wrong({ schedule: interval, name: "a b" })).fields.name).toContain("letters")
    expect((await wrong({ schedule: interval, node: "no such node" })).message).toContain("no such node")
    expect((await wrong({ schedule: interval, odd: 1 })).fields.odd).toContain("not a field")
    expect((await call("POST", "/cron", [])).status).toBe(422)
    expect((await call("PUT", "/cron/none", {})).status).toBe(404)
  })

  test("are previewed in their zone", async () => {
    const schedule = { kind: "cron", expression: "30 3 * * *", timeZone: "Asia/Shanghai" }
    const { times } = (await call("POST", "/cron/preview", { schedule })).body as { times: ReadonlyArray<number> }
    expect(times).toHaveLength(10)
    for (const at of times) expect(new Date(at).toISOString()).toContain("T19:30:00")
    expect((await call("POST", "/cron/preview", { schedule: interval, count: 2 })).body.times).toHaveLength(2)
    expect((await call("POST", "/cron/preview", { schedule, count: 1_000 })).status).toBe(422)
  })

  test("are started and stopped, with a history and its output", async () => {
    const { id } = await create("runs")
    const { runId } = (await call("POST", "/cron/runs/start")).body
    const list = async (query = "") => (await call("GET", `/cron/runs/runs${query}`)).body
    await waitFor(async () => (await list()).runs[0]?.state === "running")
    expect((await call("POST", `/cron/runs/runs/${runId}/stop`)).body).toMatchObject({ state: "stopped", by: "cli" })
    await waitFor(async () => (await list()).total === 1)
    for (let at = 0; at < 3; at++) agent.tellRun({ id: `r${at}`, taskId: id, startedAt: Date.now() + at })
    await waitFor(async () => (await list()).total === 4)
    expect(await list("?limit=1")).toMatchObject({ runs: [{ id: "r2" }], more: true })
    expect((await list("?limit=2&before=r2")).runs.map((run: { id: string }) => run.id)).toEqual(["r1", "r0"])
    expect((await list("?limit=0")).fields.limit).toContain("from 1 to 1000")
    agent.cronOutputs.set("r1", "<script>")
    expect((await call("GET", "/cron/runs/runs/r1/output")).body).toEqual({ head: "<script>", tail: "", omitted: 0 })
    expect((await call("GET", "/cron/runs/runs/none/output")).status).toBe(404)
    const page = (await admin.ask(`/cron/${id}/runs/r1`)).text
    expect(page).toContain("&lt;script&gt;")
    expect((await admin.ask(`/cron/${id}/runs/r0`)).text).toContain("keeps no output")
  })

  const form = (rest: Record<string, string> = {}) => ({
    name: "page",
    node: "127.48.2.1",
    enabled: "on",
    kind: "command",
    argv: `/bin/echo 'two words' "a'b"`,
    when: "expression",
    expression: "*/5 * * * *",
    timeZone: "UTC",
    overlap: "queue",
    missed: "all",
    timeout: "5 min",
    retries: "2",
    retryDelay: "30 s",
    jitter: "0",
    keepRuns: "10",
    keep: "1 d",
    ...rest,
  })

  test("are added by the form, which says what is wrong, and changed by it unless somebody was faster", async () => {
    const wrong = await admin.htmx("/cron", { method: "POST", form: form({ name: "a b", expression: "x", env: "A" }) })
    expect(wrong.status).toBe(422)
    for (const field of ["name", "expression", "env"]) expect(wrong.text).toContain(`id="${field}-error"`)
    const preview = await admin.htmx("/cron/preview", { method: "POST", form: form() })
    expect(preview.text.match(/<time /g)).toHaveLength(10)
    expect((await admin.htmx("/cron/preview", { method: "POST", form: form({ expression: "x" }) })).status).toBe(200)
    const made = await admin.htmx("/cron", { method: "POST", form: form() })
    const path = made.headers.get("hx-redirect") ?? ""
    expect(path).toMatch(/^\/cron\/\w{26}$/)
    const id = path.slice("/cron/".length)
    await waitFor(() => has(id) !== undefined)
    expect(has(id)).toMatchObject({
      action: { command: { argv: ["/bin/echo", "two words", "a'b"] } },
      overlap: "queue",
      missed: "all",
      timeoutMs: 300_000,
      retries: 2,
      retryDelayMs: 30_000,
      keepRuns: 10,
      keepMs: 86_400_000,
    })
    const put = (rest: Record<string, string>) => admin.htmx(path, { method: "PUT", form: form(rest) })
    expect((await put({ baseRevision: "1", argv: "/bin/true" })).headers.get("hx-redirect")).toBe(path)
    const late = await put({ baseRevision: "1", argv: "/bin/false" })
    expect(late.status).toBe(409)
    expect(late.text).toContain("admin changed this task")
    expect((await put({ baseRevision: "2", name: "runs" })).status).toBe(422)
    const disabled = await admin.htmx(`${path}/disable`, { method: "POST" })
    expect(disabled.text).toContain("by hand only")
    expect(disabled.text).toContain(`/cron/${id}/enable`)
    const page = (await admin.ask(path)).text
    expect(page).toContain("/bin/true")
    expect((await admin.ask(`${path}/edit`)).text).toContain("*/5 * * * *")
    expect((await admin.htmx(path, { method: "DELETE" })).headers.get("hx-redirect")).toBe("/cron")
    const document = { headers: { accept: "text/html" } }
    const list = (await admin.ask("/cron", document)).text
    expect(list).toContain(`hx-post="${path}/restore"`)
    expect(list).not.toContain(`id="cron-${id}"`)
    expect((await admin.ask(path)).status).toBe(404)
    expect((await admin.ask("/cron", document)).text).not.toContain("/restore")
    expect((await admin.htmx(`${path}/restore`, { method: "POST" })).text).toContain("is back, with its history")
    expect((await admin.ask("/cron")).text).toContain(`id="cron-${id}"`)
    expect((await admin.htmx(path, { method: "DELETE" })).status).toBe(200)
  })

  test("are live on the list and on their page", async () => {
    const { id } = await create("live")
    const leaving = new AbortController()
    const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const seen: Record<string, string> = { list: "", page: "" }
    const follow = async (key: "list" | "page", topic: string) => {
      const stream = await fetch(`${manager.url}/events?t=${topic}`, { headers: { cookie }, signal: leaving.signal })
      const decoder = new TextDecoder()
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) seen[key] += decoder.decode(chunk)
    }
    const following = [follow("list", "cron"), follow("page", `cron:${id}`)].map((one) => one.catch(() => undefined))
    await waitFor(() => seen["list"]?.includes(`#cron-${id}`) && seen["page"]?.includes("#cron-runs"))
    agent.tellRun({ id: "live-1", taskId: id, state: "failed", exitCode: 3, reason: "no disk" })
    await waitFor(() => seen["page"]?.includes("no disk") && seen["list"]?.includes("Failed"))
    const dashboard = (await admin.ask("/")).text
    expect(dashboard).toContain("Its last run failed")
    expect(dashboard).toContain("no disk")
    leaving.abort()
    await Promise.all(following)
    expect((await fetch(`${manager.url}/events?t=cron:none`, { headers: { cookie } })).status).toBe(404)
  })

  test("need the token of the session to be changed", async () => {
    const answer = await admin.htmx("/cron", { method: "POST", form: form(), headers: { "x-csrf-token": "" } })
    expect(answer.status).toBe(403)
  })
})
