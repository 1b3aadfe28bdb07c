import { afterAll, beforeAll, expect, test } from "bun:test"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

let manager: TestManager
let call: ReturnType<typeof api>
beforeAll(async () => {
  manager = await startManager()
  call = api(manager)
})
afterAll(() => manager.stop())

const endpoint = (last: number) => ({ ip: `127.1.1.${last}`, port: 9501, weight: 100, status: "online" })

test("health needs nobody", async () => {
  const answer = await new Visitor(manager).ask("/api/health")
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { status: "ok", version: expect.any(String) }])
})

test("a service is made, read, changed and deleted by its name", async () => {
  const made = await call("POST", "/services", { name: "orders", endpoints: [endpoint(100)] })
  expect(made).toMatchObject({ status: 201, body: { name: "orders", revision: 1, tls: "auto", createdBy: "cli" } })
  const list = await call("GET", "/services")
  expect(list.body.map((one: { name: string }) => one.name)).toEqual(["node_manager", "orders"])
  const changed = await call("PUT", "/services/orders", { endpoints: [endpoint(100), endpoint(101)] })
  expect(changed).toMatchObject({ status: 200, body: { revision: 2, endpoints: { total: 2 } } })
  const described = await call("PUT", "/services/orders", { description: "Takes orders" })
  expect(described).toMatchObject({ body: { revision: 2, description: "Takes orders", endpoints: { total: 2 } } })
  expect(await call("DELETE", "/services/orders")).toEqual({ status: 204, body: undefined })
  expect(await call("GET", "/services/orders")).toMatchObject({ status: 404, body: { error: "NotFound" } })
})

test("what does not fit is answered with a sentence for each field by its path", async () => {
  const answer = await call("POST", "/services", {
    name: "9",
    endpoints: [endpoint(100), { ip: "?", port: 0, weight: "many", status: "asleep" }],
    colour: "red",
  })
  expect(answer.status).toBe(422)
  expect(answer.body.error).toBe("InvalidInput")
  expect(Object.keys(answer.body.fields).toSorted()).toEqual([
    "colour",
    "endpoints.1.ip",
    "endpoints.1.port",
    "endpoints.1.status",
    "endpoints.1.weight",
    "name",
  ])
  expect(await call("POST", "/services", {})).toMatchObject({ status: 422, body: { fields: { name: "is required" } } })
  const twice = await call("POST", "/services", { name: "twice", endpoints: [endpoint(100), endpoint(100)] })
  expect(twice.body.fields).toEqual({ "endpoints.1.port": "127.1.1.100:9501 is in the list twice" })
})

test("a name that is taken, a stale edit and the guard are 409, each with what one needs to go on", async () => {
  await call("POST", "/services", { name: "busy", endpoints: [endpoint(100)] })
  expect(await call("POST", "/services", { name: "busy" })).toMatchObject({
    status: 409,
    body: { error: "Conflict", fields: { name: expect.any(String) } },
  })
  const stale = await call("PUT", "/services/busy", { endpoints: [endpoint(101), endpoint(100)], baseRevision: 0 })
  expect(stale).toMatchObject({ status: 409, body: { error: "Stale", revision: 1, by: "cli" } })
  expect(await call("PUT", "/services/busy", { endpoints: [] })).toMatchObject({
    status: 409,
    body: { error: "GuardRefused", guard: { _tag: "Empty" } },
  })
  expect(await call("PUT", "/services/busy", { endpoints: [], override: true })).toMatchObject({
    status: 200,
    body: { revision: 2 },
  })
})

test("clients are added and removed by address, and a push answers with the outcome of each when it is waited for", async () => {
  await call("POST", "/services", { name: "read", endpoints: [endpoint(100)] })
  const added = await call("POST", "/services/read/clients", { ips: ["127.1.1.150", "::1"] })
  const ips = (clients: ReadonlyArray<{ ip: string }>) => clients.map(({ ip }) => ip).toSorted()
  expect([added.status, ips(added.body)]).toEqual([201, ["127.1.1.150", "::1"]])
  const pushed = await call("POST", "/services/read/pushes?wait=5000", {})
  expect(pushed).toMatchObject({ status: 200, body: { job: { revision: 1, total: 2, ok: 0, by: "cli" } } })
  expect(ips(pushed.body.clients)).toEqual(["127.1.1.150", "::1"])
  for (const client of pushed.body.clients) {
    expect(client).toMatchObject({ state: "failed", error: { message: expect.stringContaining("joined") } })
  }
  expect(await call("POST", "/services/read/pushes", { clients: ["10.9.9.9"] })).toMatchObject({ status: 404 })
  expect((await call("DELETE", `/services/read/clients/${encodeURIComponent("::1")}`)).status).toBe(204)
  expect((await call("DELETE", "/services/read/clients/10.9.9.9")).status).toBe(404)
  expect((await call("GET", "/services/read")).body.clients.total).toBe(1)
})

test("a process spec is set with defaults for what is left out", async () => {
  await call("POST", "/services", { name: "run", endpoints: [endpoint(100)] })
  const set = await call("PUT", "/services/run/process", { module: "/srv/run.ts", workers: 2 })
  expect(set).toEqual({ status: 200, body: { revision: 1, pushed: true } })
  expect((await call("GET", "/services/run")).body.process.spec).toMatchObject({ workers: 2, desired: "running" })
  const wrong = await call("PUT", "/services/run/process", { module: "run.ts" })
  expect(wrong).toMatchObject({ status: 422, body: { fields: { module: expect.stringContaining("absolute") } } })
  const misspelt = { module: "/srv/run.ts", rpc: { maxRequest: 5 } }
  expect(await call("PUT", "/services/run/process", misspelt)).toMatchObject({
    status: 422,
    body: { fields: { "rpc.maxRequest": "is not a field here: is its name written correctly?" } },
  })
})

test("nodes and tokens are listed, and a token comes with the command for this page", async () => {
  expect(await call("GET", "/nodes")).toEqual({ status: 200, body: [] })
  const made = await call("POST", "/tokens", {})
  expect(made.status).toBe(201)
  expect(made.body.command).toContain(`--join ${manager.url}`)
  expect(made.body.expiresAt).toBeGreaterThan(Date.now() + 3_500_000)
  const [token] = (await call("GET", "/tokens")).body
  expect(token).toMatchObject({ id: made.body.id, kind: "once", state: "open" })
  expect(JSON.stringify(token)).not.toContain(made.body.token)
  expect(await call("POST", "/tokens", { ttlMs: 1 })).toMatchObject({
    status: 422,
    body: { fields: { ttlMs: expect.any(String) } },
  })
  expect(await call("DELETE", "/nodes/none")).toMatchObject({ status: 404, body: { error: "NotFound" } })
})

test("a wrong bearer token is refused even beside a good session, and no page takes a bearer token", async () => {
  const admin = await new Visitor(manager).login()
  const wrong = { authorization: "Bearer nonsense" }
  expect((await admin.ask("/api/services", { headers: wrong })).status).toBe(401)
  const right = { authorization: `Bearer ${manager.token}` }
  expect((await new Visitor(manager).ask("/services", { headers: right })).status).toBe(303)
})

test("a session may use the API as well, with its token for writes", async () => {
  const admin = await new Visitor(manager).login()
  expect((await admin.ask("/api/services")).status).toBe(200)
  const without = await admin.ask("/api/tokens", { method: "POST", json: {} })
  expect([without.status, JSON.parse(without.text).error]).toEqual([403, "ForeignRequest"])
  expect((await admin.htmx("/api/tokens", { method: "POST", json: {} })).status).toBe(201)
})

test("a body that is no JSON, or says that it is something else, is 400", async () => {
  const headers = { authorization: `Bearer ${manager.token}` }
  const visitor = new Visitor(manager)
  for (const [type, body] of [
    ["application/json", "{"],
    ["text/plain", "{}"],
  ] as const) {
    const answer = await visitor.ask("/api/tokens", {
      method: "POST",
      body,
      headers: { ...headers, "content-type": type },
    })
    expect([type, answer.status, JSON.parse(answer.text).error]).toEqual([type, 400, "Malformed"])
  }
})

test("who joins gets the authority's certificate first, and a refusal names its reason", async () => {
  const visitor = new Visitor(manager)
  const authority = await visitor.ask("/join/ca")
  expect(authority.text).toStartWith("-----BEGIN CERTIFICATE-----")
  const answer = await visitor.ask("/join", { method: "POST", json: { token: "mst_no", name: "n" } })
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    403,
    { error: "JoinRefused", reason: "malformed", message: expect.any(String) },
  ])
})

test("one address may not try to join without end", async () => {
  await using own = await startManager()
  const visitor = new Visitor(own)
  const statuses = new Set<number>()
  for (let count = 0; count < 260 && !statuses.has(429); count++) {
    const { status, headers } = await visitor.ask("/join/ca")
    statuses.add(status)
    if (status === 429) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0)
  }
  expect([...statuses]).toEqual([200, 429])
})
