import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { waitFor } from "../../support/waitFor.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

let manager: TestManager
let admin: Visitor
beforeAll(async () => {
  manager = await startManager()
  admin = await new Visitor(manager).login()
})
afterAll(() => manager.stop())

type Row = { ip: string; port?: string; weight?: string; status?: string }
const fields = (name: string, rows: ReadonlyArray<Row>, more: Record<string, string> = {}) => [
  ...Object.entries({ name, description: "", tls: "auto", mode: "rows", baseRevision: "0", ...more }),
  ...rows.flatMap(({ ip, port = "9501", weight = "100", status = "online" }) =>
    Object.entries({ ip, port, weight, status }),
  ),
]
const node = (last: number): Row => ({ ip: `127.1.1.${last}` })
const get = async (name: string) => (await api(manager)("GET", `/services/${name}`)).body
const make = async (name: string, rows: ReadonlyArray<Row> = []) => {
  const answer = await admin.htmx("/services", { method: "POST", form: fields(name, rows) })
  expect(answer.status).toBe(200)
  return (await get(name)) as { id: string; revision: number | null }
}

describe("the service form", () => {
  test("makes a service with its endpoints, and tells so on the next page, once", async () => {
    const answer = await admin.htmx("/services", { method: "POST", form: fields("orders", [node(100), node(101)]) })
    const service = await get("orders")
    expect(answer.headers.get("hx-redirect")).toBe(`/services/${service.id}/endpoints`)
    expect(service).toMatchObject({ revision: 1, endpoints: { total: 2, online: 2 }, createdBy: "admin" })
    const headers = { accept: "text/html" }
    expect((await admin.ask(`/services/${service.id}/endpoints`, { headers })).text).toContain("Service orders created")
    expect((await admin.ask(`/services/${service.id}/endpoints`, { headers })).text).not.toContain("created</span>")
  })

  test("answers 422 with itself, each error at its row and field, and what was typed still there", async () => {
    const rows = [
      { ip: "not an address", port: "9501" },
      { ip: "127.1.1.100", port: "70000", weight: "101" },
      { ip: "127.1.1.102" },
      { ip: "127.1.1.102" },
    ]
    const { status, text } = await admin.htmx("/services", { method: "POST", form: fields("9wrong", rows) })
    expect(status).toBe(422)
    for (const id of ["name", "ip-0", "port-1", "weight-1", "ip-3"]) expect(text).toContain(`id="${id}-error"`)
    for (const id of ["ip-1", "port-0", "ip-2"]) expect(text).not.toContain(`id="${id}-error"`)
    expect(text).toContain('value="not an address"')
    expect(text).toContain('value="70000"')
    expect((await api(manager)("GET", "/services/9wrong")).status).toBe(404)
  })

  test("takes the list as JSON, and names the place of an error in it", async () => {
    const json = (text: string) => fields("jsonly", [], { mode: "json", json: text })
    const post = (text: string) => admin.htmx("/services", { method: "POST", form: json(text) })
    expect((await post("[{")).text).toContain("Not valid JSON")
    expect((await post("{}")).status).toBe(422)
    const wrong = await post('[{"ip":"127.1.1.100","port":0,"weight":100,"status":"online"}]')
    expect(wrong.text).toContain("Endpoint 1, “port”")
    const right = await post('[{"ip":"::1","port":9501,"weight":0,"status":"offline"}]')
    expect(right.status).toBe(200)
    expect((await get("jsonly")).endpointsList[0]).toMatchObject({ ip: "::1", port: 9501 })
  })

  test("converts between rows and JSON without storing anything", async () => {
    const form = fields("draftless", [node(100)])
    const toJson = await admin.htmx("/services/editor?to=json", { method: "POST", form })
    expect(toJson.text).toContain("&quot;ip&quot;: &quot;127.1.1.100&quot;")
    const added = await admin.htmx("/services/editor?add=1", { method: "POST", form })
    expect(added.text).toContain('id="ip-1"')
    const removed = await admin.htmx("/services/editor?remove=0", { method: "POST", form })
    expect(removed.text).not.toContain("127.1.1.100")
  })

  test("says at the name's field that another service has it", async () => {
    await make("taken")
    const answer = await admin.htmx("/services", { method: "POST", form: fields("taken", []) })
    expect(answer.status).toBe(422)
    expect(answer.text).toContain("Another service has this name")
  })

  test("asks back when the guard refuses, and releases on a person's word", async () => {
    const { id } = await make("guarded", [node(100), node(101), node(102)])
    const fewer = fields("guarded", [node(100)], { baseRevision: "1" })
    const refused = await admin.htmx(`/services/${id}`, { method: "PUT", form: fewer })
    expect(refused.status).toBe(409)
    expect(refused.text).toContain("2 of 3 online endpoints would go")
    expect((await get("guarded")).revision).toBe(1)
    const word = fields("guarded", [node(100)], { baseRevision: "1", override: "1" })
    expect((await admin.htmx(`/services/${id}`, { method: "PUT", form: word })).status).toBe(200)
    expect(await get("guarded")).toMatchObject({ revision: 2, endpoints: { total: 1 } })
  })

  test("tells who released meanwhile, and takes the same form again after that", async () => {
    const { id } = await make("shared", [node(100)])
    await api(manager)("PUT", "/services/shared", {
      endpoints: [100, 101].map((last) => ({ ip: `127.1.1.${last}`, port: 9501, weight: 100, status: "online" })),
    })
    const mine = (base: string) => fields("shared", [node(100), node(103)], { baseRevision: base })
    const stale = await admin.htmx(`/services/${id}`, { method: "PUT", form: mine("1") })
    expect(stale.status).toBe(409)
    expect(stale.text).toContain("cli made revision 2")
    expect(stale.text).toContain('name="baseRevision" value="2"')
  })

  test("keeps a list as a draft that nobody gets, until a person releases it", async () => {
    const { id } = await make("drafted", [node(100), node(101)])
    const save = (rows: ReturnType<typeof node>[]) =>
      admin.htmx(`/services/${id}/draft`, { method: "PUT", form: fields("drafted", rows, { baseRevision: "1" }) })
    expect((await save([{ ...node(100), port: "0" }])).text).toContain('id="port-0-error"')
    expect((await save([node(100), node(101), node(102)])).headers.get("hx-redirect")).toContain("/endpoints")
    expect(await get("drafted")).toMatchObject({ revision: 1, hasDraft: true, endpoints: { total: 2 } })
    expect((await admin.htmx(`/services/${id}/edit`)).text).toContain('value="127.1.1.102"')
    expect((await admin.htmx(`/services/${id}/draft`, { method: "POST" })).status).toBe(200)
    expect(await get("drafted")).toMatchObject({ revision: 2, hasDraft: false, endpoints: { total: 3 } })
  })

  test("is refused for node_manager, which can't be deleted either", async () => {
    const { id } = await get("node_manager")
    const answer = await admin.htmx(`/services/${id}`, { method: "PUT", form: fields("mine", [node(100)]) })
    expect(answer.status).toBe(409)
    expect(answer.text).toContain("hx-partial")
    expect((await admin.htmx(`/services/${id}`, { method: "DELETE" })).status).toBe(409)
    expect((await get("node_manager")).name).toBe("node_manager")
  })
})

test("a deleted service is gone from every address of it", async () => {
  const { id } = await make("shortlived", [node(100)])
  const answer = await admin.htmx(`/services/${id}`, { method: "DELETE" })
  expect(answer.headers.get("hx-redirect")).toBe("/services")
  for (const tab of ["", "/edit", "/endpoints", "/clients", "/process"]) {
    const { status } = await admin.ask(`/services/${id}${tab}`, { headers: { accept: "text/html" } })
    expect([tab, status]).toEqual([tab, tab === "" ? 303 : 404])
  }
  expect((await admin.htmx(`/services/${id}/clients/new`)).text).toContain("It is not there any more")
})

describe("an endpoint", () => {
  test("goes offline at once, and back by the toast's button", async () => {
    const { id } = await make("switched", [node(100), node(101), node(102), node(103)])
    const path = `/services/${id}/endpoints/status`
    const put = (status: string) =>
      admin.htmx(path, { method: "PUT", form: { ip: "127.1.1.100", port: "9501", status } })
    const off = await put("offline")
    expect(off.status).toBe(200)
    expect(off.text).toContain("Undo")
    expect(await get("switched")).toMatchObject({ revision: 2, endpoints: { online: 3 } })
    expect((await put("online")).status).toBe(200)
    expect(await get("switched")).toMatchObject({ revision: 3, endpoints: { online: 4 } })
  })

  test("that is the last one online asks back in a dialog, whose button sends the same with a person's word", async () => {
    const { id } = await make("lonely", [node(100)])
    const path = `/services/${id}/endpoints/status`
    const form = { ip: "127.1.1.100", port: "9501", status: "offline" }
    const refused = await admin.htmx(path, { method: "PUT", form })
    expect(refused.status).toBe(409)
    expect(refused.text).toContain('hx-target="#dialogs"')
    const values = JSON.parse((/hx-vals="([^"]+)"/.exec(refused.text)?.[1] ?? "").replaceAll("&quot;", '"'))
    expect(values).toEqual({ ...form, override: "1" })
    expect((await admin.htmx(path, { method: "PUT", form: values })).status).toBe(200)
    expect(await get("lonely")).toMatchObject({ revision: 2, endpoints: { online: 0 } })
  })

  test("with values that nobody can have sent from the page is refused with 422", async () => {
    const { id } = await make("odd", [node(100)])
    const form = { ip: "127.1.1.100", port: "x", status: "sleeping" }
    const answer = await admin.htmx(`/services/${id}/endpoints/status`, { method: "PUT", form })
    expect(answer.status).toBe(422)
  })
})

describe("clients", () => {
  test("are added by their addresses, removed, and brought back", async () => {
    const { id } = await make("read", [node(100)])
    const add = (ips: string) => admin.htmx(`/services/${id}/clients`, { method: "POST", form: { ips } })
    expect((await add("")).status).toBe(422)
    expect((await add("nonsense here?")).text).toContain("“here?”")
    expect((await add("127.1.1.100\n127.1.1.100")).text).toContain("127.1.1.100 is there twice")
    const added = await add("127.1.1.100\n127.1.1.101")
    expect(added.text).toContain("2 clients added")
    expect((await add("127.1.1.101")).text).toContain("127.1.1.101 is a client already")
    const [client] = (await get("read")).clientsList
    expect(client).toMatchObject({ ip: "127.1.1.100", connection: "not-joined", createdBy: "admin" })
    const removed = await admin.htmx(`/services/${id}/clients/${client.id}`, { method: "DELETE" })
    expect(removed.text).toContain(`hx-target="#client-${client.id}" hx-swap="delete"`)
    expect((await get("read")).clients.total).toBe(1)
    await admin.htmx(`/services/${id}/clients/${client.id}/restore`, { method: "POST" })
    expect((await get("read")).clients.total).toBe(2)
    const again = await admin.htmx(`/services/${id}/clients/none`, { method: "DELETE" })
    expect([again.status, again.text.includes("hx-partial")]).toEqual([404, true])
  })

  test("are pushed to after a look at what changes, and the page says who did not get it and why", async () => {
    const { id } = await make("pushed", [node(100)])
    const nothing = await admin.htmx(`/services/${id}/push`, { method: "POST" })
    expect([nothing.status, nothing.text.includes("add a client first")]).toEqual([409, true])
    await admin.htmx(`/services/${id}/clients`, { method: "POST", form: { ips: "127.1.1.150" } })
    const preview = await admin.htmx(`/services/${id}/push/preview`)
    expect(preview.text).toContain("127.1.1.100:9501")
    expect(preview.text).toContain("1 client without a list")
    const started = await admin.htmx(`/services/${id}/push`, { method: "POST" })
    expect(started.text).toContain('hx-target="#push"')
    await waitFor(async () => (await admin.ask(`/services/${id}/clients`)).text.includes("Push finished"))
    const closed = await admin.htmx(`/services/${id}/push/close`, { method: "POST" })
    expect(closed.text).not.toContain("Push finished")
  })
})

describe("the process of a service", () => {
  const spec = {
    module: "/srv/greeter.ts",
    workers: "2",
    tls: "auto",
    desired: "running",
    drainTimeoutMs: "30 s",
    env: "",
  }

  test("keeps its settings, and refuses those out of their bounds or without their unit", async () => {
    const { id } = await make("tuned", [node(100)])
    const put = (form: Record<string, string>) =>
      admin.htmx(`/services/${id}/process`, { method: "PUT", form: { ...spec, ...form } })
    const wrong = await put({
      "rpc.maxInFlightPerConnection": "8",
      "rpc.idleTimeoutMs": "300",
      methodConcurrency: "hello",
    })
    expect(wrong.status).toBe(422)
    expect(wrong.text).toContain("Must be 16 to 65536")
    for (const field of ["maxInFlightPerConnection", "idleTimeoutMs", "methodConcurrency"])
      expect(wrong.text).toContain(`id="${field}-error"`)
    expect(
      (await put({ "rpc.maxFrameBytes": "4 MiB", "rpc.slowCallMs": "0", methodConcurrency: "hello=3" })).status,
    ).toBe(200)
    const stored = (await get("tuned")).process.spec.rpc
    expect(stored).toEqual({
      ...defaultRpcSettings,
      maxFrameBytes: 4 * 1024 ** 2,
      slowCallMs: 0,
      methodConcurrency: { hello: 3 },
    })
    const { text } = await admin.ask(`/services/${id}/process`)
    expect(text).toContain("Largest message 4 MiB · Open calls of a method 1 method")
    expect((await put({ tls: "on", legacy: "on" })).text).toContain(`id="legacy-error"`)
  })

  test("takes its settings over the API too, with defaults for what is left out", async () => {
    await make("programmed", [node(100)])
    const put = (body: unknown) => api(manager)("PUT", "/services/programmed/process", body)
    expect((await put({ module: "/a.ts", rpc: { maxConnections: 5 } })).status).toBe(200)
    expect((await get("programmed")).process.spec.rpc).toEqual({ ...defaultRpcSettings, maxConnections: 5 })
    expect((await put({ module: "/a.ts", rpc: { maxConnections: 0 } })).body.fields).toEqual({
      "rpc.maxConnections": "must be a whole number from 1 to 1000000, not 0",
    })
    expect((await put({ module: "/a.ts", tls: "on", rpc: { legacy: true } })).body.fields).toEqual({
      "rpc.legacy": "needs plain TCP: set tls to off, or to auto where every endpoint is on a loopback address",
    })
  })

  test("an edit that somebody overtook is told of the other one, and replaces it when it is saved once more", async () => {
    const { id } = await make("edited", [node(100)])
    const put = (form: Record<string, string>) =>
      admin.htmx(`/services/${id}/process`, { method: "PUT", form: { ...spec, ...form } })
    const program = (body: object) => api(manager)("PUT", "/services/edited/process", { module: "/b.ts", ...body })
    expect((await put({ base: "0" })).status).toBe(200)
    expect((await admin.ask(`/services/${id}/process`)).text).toContain('name="base" value="1"')
    expect((await program({ revision: 1, workers: 3 })).body).toEqual({ revision: 2, pushed: true })
    const late = await put({ base: "1", workers: "7" })
    expect(late.status).toBe(409)
    expect(late.text).toContain("Meanwhile cli saved revision 2")
    // What was typed is still there, and so is what the next save is compared with.
    expect(late.text).toMatch(/name="workers"[^>]* value="7"/)
    expect(late.text).toContain('name="base" value="2"')
    expect((await get("edited")).process).toMatchObject({ revision: 2, spec: { workers: 3 } })
    expect((await put({ base: "2", workers: "7" })).status).toBe(200)
    const refused = await program({ revision: 2 })
    expect(refused).toMatchObject({ status: 409, body: { error: "Stale", revision: 3, by: "admin" } })
    expect((await program({ revision: "x" })).status).toBe(422)
    expect((await program({})).body.revision).toBe(4)
  })

  test("is set by its form, which names each wrong field, and removed", async () => {
    const { id } = await make("running", [node(100)])
    const put = (form: Record<string, string>) => admin.htmx(`/services/${id}/process`, { method: "PUT", form })
    const wrong = await put({ ...spec, module: "greeter.ts", workers: "999", env: "A=1\nnonsense" })
    expect(wrong.status).toBe(422)
    for (const field of ["module", "workers", "env"]) expect(wrong.text).toContain(`id="${field}-error"`)
    expect((await put({ ...spec, env: "A=1\nB=x=y" })).status).toBe(200)
    expect((await get("running")).process.spec).toMatchObject({ module: "/srv/greeter.ts", env: { A: "1", B: "x=y" } })
    expect((await admin.htmx(`/services/${id}/process/reload`, { method: "POST", form: { node: "x" } })).status).toBe(
      404,
    )
    await api(manager)("POST", "/services/running/stop", {})
    await put({ ...spec, desiredWas: "running" })
    expect((await get("running")).process.spec.desired).toBe("stopped")
    await put({ ...spec, desiredWas: "stopped" })
    expect((await get("running")).process.spec.desired).toBe("running")
    expect((await admin.htmx(`/services/${id}/process`, { method: "DELETE" })).status).toBe(200)
    expect((await get("running")).process).toBeNull()
  })
})

describe("join tokens", () => {
  test("are shown once, with the command for this very page, and withdrawn", async () => {
    const made = await admin.htmx("/nodes/tokens", { method: "POST", form: { kind: "many", hours: "24" } })
    const token = /mst_[\w-]+_[0-9a-f]{32}/.exec(made.text)?.[0] ?? ""
    expect(token).not.toBe("")
    expect(made.text).toContain(manager.url)
    const page = await admin.ask("/nodes")
    expect(page.text).not.toContain(token)
    const [{ id }] = (await api(manager)("GET", "/tokens")).body
    expect((await admin.htmx(`/nodes/tokens/${id}`, { method: "DELETE" })).status).toBe(200)
    expect((await api(manager)("GET", "/tokens")).body[0].state).toBe("revoked")
  })
})

describe("the password", () => {
  test("is changed by who knows it, and ends the other sessions", async () => {
    await using own = await startManager()
    const mine = await new Visitor(own).login()
    const other = await new Visitor(own).login()
    const { password } = own.admin!
    const put = (current: string, next: string, again = next) =>
      mine.htmx("/password", { method: "PUT", form: { current, next, again } })
    expect((await put(password, "short")).status).toBe(422)
    expect((await put(password, "long enough words", "other words here")).status).toBe(422)
    expect((await put("not mine at all", "long enough words")).status).toBe(422)
    expect((await put(password, password)).status).toBe(422)
    expect((await put(password, "long enough words")).status).toBe(200)
    expect((await mine.ask("/")).status).toBe(200)
    expect((await other.ask("/")).status).toBe(303)
  })
})

test("text of a user is text on every page", async () => {
  const evil = `<script>alert("x")</script>`
  const { id } = await make("evil", [node(100)])
  const form = fields("evil", [node(100)], { description: evil, baseRevision: "1" })
  expect((await admin.htmx(`/services/${id}`, { method: "PUT", form })).status).toBe(200)
  for (const path of ["/services", `/services/${id}/endpoints`, `/services/${id}/edit`, `/services?q=${evil}`]) {
    const { text } = await admin.ask(path)
    expect(text).not.toContain(evil)
    expect(text).toContain("&lt;script&gt;")
  }
})
