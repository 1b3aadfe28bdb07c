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
    expect(late.text).toContain("Meanwhile admin saved revision 2")
    expect(late.text).toMatch(/id="conflict-kind-mine"[^>]*checked/)
    // A long one takes along what it began from, and both sides of what differs.
    const env = `LONG=${"x".repeat(20_000)}`
    const sides = { by: "ann", revision: 1, rows: [{ unit: ["env"], before: { env }, theirs: { env }, mine: { env } }] }
    const long = { baseRevision: "1", env, opened: JSON.stringify({ env }), conflict: JSON.stringify(sides) }
    expect((await put(long)).status).toBe(409)
    expect((await admin.htmx(`${path}/editor?side=mine`, { method: "POST", form: form(long) })).status).toBe(200)
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

  const bulk = (action: string, tasks: ReadonlyArray<string>) => call("POST", "/cron/actions", { action, tasks })

  test("take one action on several, with a result for each, also for one that is not there", async () => {
    const ids: Record<string, string> = {}
    for (const name of ["many-a", "many-b"]) ids[name] = (await create(name)).id
    const results = async (action: string, tasks: ReadonlyArray<string>) => (await bulk(action, tasks)).body.results
    const done = (task: string) => ({ task, id: ids[task], outcome: "done", error: null })
    const enabled = async () =>
      (await call("GET", "/cron")).body.flatMap((task: { name: string; enabled: boolean; revision: number }) =>
        task.name.startsWith("many") ? [[task.name, task.enabled, task.revision]] : [],
      )
    const names = ["many-a", "nobody", ids["many-b"]!, "many-b"]
    const missing = { task: "nobody", outcome: "failed", error: 'There is no cron task "nobody"' }
    expect(await results("disable", names)).toMatchObject([done("many-a"), missing, done("many-b")])
    expect(await enabled()).toEqual([
      ["many-a", false, 2],
      ["many-b", false, 2],
    ])
    expect((await call("PUT", "/cron/many-b", { enabled: true })).status).toBe(200)
    expect(await results("enable", names)).toMatchObject([done("many-a"), missing, done("many-b")])
    expect(await enabled()).toEqual([
      ["many-a", true, 3],
      ["many-b", true, 3],
    ])
    await waitFor(async () => (await call("GET", "/cron/many-b")).body.place.state === "here")
    await call("POST", "/cron", { name: "many-c", node: "127.48.2.9", schedule: interval, action: shell("true") })
    const started = await results("start", ["many-a", "many-c", "many-b"])
    expect(started).toMatchObject([
      done("many-a"),
      { task: "many-c", outcome: "failed", error: expect.stringContaining("127.48.2.9") },
      done("many-b"),
    ])
    for (const name of ["many-a", "many-b"])
      await waitFor(async () => (await call("GET", `/cron/${name}/runs`)).body.runs.length === 1)
    expect(await results("remove", ["many-a", "many-b", "many-c"])).toMatchObject([
      done("many-a"),
      done("many-b"),
      { task: "many-c", outcome: "done" },
    ])
    expect(await enabled()).toEqual([])
    const again = await create("many-b")
    expect(await results("restore", [ids["many-b"]!, ids["many-a"]!])).toMatchObject([
      { id: ids["many-b"], outcome: "failed", error: expect.stringContaining("many-b") },
      done("many-a"),
    ])
    const page = (await admin.ask("/cron")).text
    expect(page).toContain("1 of 2 tasks brought back")
    expect(page).toContain("There is another task with this name already.")
    const alone = await admin.htmx(`/cron/${ids["many-b"]}/restore`, { method: "POST" })
    expect(alone).toMatchObject({ status: 409, text: expect.stringContaining("another task with this name") })
    await results("remove", ["many-a", again.id])
    expect((await bulk("explode", ["many-a"])).body.fields.action).toContain("enable")
    expect((await bulk("remove", [])).body.fields.tasks).toContain("at least one")
  })

  test("are chosen on the list, told of one by one, and brought back all at once", async () => {
    const [a, b] = [(await create("page-a")).id, (await create("page-b")).id]
    const act = (form: Record<string, string>, query = "") =>
      admin.htmx("/cron/actions", {
        method: "POST",
        form,
        headers: { "hx-current-url": `${manager.url}/cron${query}` },
      })
    expect((await act({ action: "remove" })).text).toContain("Select tasks first")
    expect((await act({ action: "explode", ids: a })).status).toBe(422)
    const list = (await admin.ask("/cron")).text
    for (const id of [a, b]) expect(list).toContain(`name="ids" value="${id}"`)
    const kept = await act({ action: "enable", ids: a }, "?f=off")
    expect(kept.text).toContain("1 task enabled")
    expect(kept.text).not.toContain("#cron-list")
    const removed = await act({ action: "remove", ids: [a, "none", b].join(",") }, "?q=page-")
    expect(removed.text).toContain("2 of 3 tasks deleted")
    expect(removed.text).toContain("It is not there any more")
    expect(removed.text).toContain("No task matches")
    const undo = /hx-post="\/cron\/actions" hx-vals="([^"]*restore[^"]*)"/.exec(removed.text)?.[1] ?? "{}"
    const values = JSON.parse(undo.replaceAll("&quot;", '"')) as { action: string; ids: string }
    expect(values).toEqual({ action: "restore", ids: `${a},${b}` })
    const chinese = (await admin.ask("/cron", { headers: { "accept-language": "zh-CN" } })).text
    expect(chinese).toContain("3 个任务中的 2 个已删除")
    expect(chinese).toContain("对象已不存在")
    const restored = await act(values, "?q=page-")
    expect(restored.text).toContain("2 tasks brought back")
    for (const id of [a, b]) expect(restored.text).toContain(`id="cron-${id}"`)
    expect((await admin.ask("/cron")).text).toContain("2 tasks brought back")
    const closed = await admin.htmx("/cron/actions", { method: "DELETE" })
    expect(closed.text).toContain('id="bulk-job" hidden')
    expect((await admin.ask("/cron")).text).not.toContain("2 tasks brought back")
    const foreign = await admin.htmx("/cron/actions", {
      method: "POST",
      form: { action: "remove", ids: a },
      headers: { "x-csrf-token": "" },
    })
    expect(foreign.status).toBe(403)
    expect((await bulk("remove", [a, b])).body.results).toHaveLength(2)
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
