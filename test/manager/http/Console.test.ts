import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Database } from "bun:sqlite"
import { join } from "node:path"
import { listen, type Listener, type TlsMaterial } from "../../../src/platform/Transport.ts"
import { RpcError } from "../../../src/protocol/RpcError.ts"
import { type Handler, RpcServer, serverMethod } from "../../../src/rpc/RpcServer.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

const described = [
  { name: "hello", parameters: [{ name: "who", optional: false }], rest: false, kind: "unary", idempotent: true },
  { name: "ticks", parameters: [], rest: false, kind: "stream", idempotent: true },
  { name: "forever", parameters: [], rest: false, kind: "stream", idempotent: true },
]

/** A service that nobody of this cluster runs: it answers at its endpoint, and that is all. */
const methods: Record<string, Handler> = {
  methods: () => described,
  hello: ([who]) => `hello ${String(who)}`,
  peer: (_args, call) => ({ client: call.client, name: call.peer?.commonName ?? null }),
  refuse: () => {
    throw new RpcError("failed_precondition", "not <today>", { executed: "no", details: { day: 7 } })
  },
  large: () => "x".repeat(400_000),
  slow: () => new Promise(() => {}),
  ticks: async function* () {
    yield* [1, 2, 3]
  },
  forever: async function* () {
    for (let tick = 0; ; tick++) yield tick
  },
}

const serve = (port: number, service = "foreign", tls?: TlsMaterial): Promise<Listener> => {
  const server = new RpcServer({
    service,
    worker: { id: 0, count: 1 },
    methods: (name) => {
      const handler = methods[name]
      return handler === undefined ? undefined : serverMethod(name, handler)
    },
  })
  return listen({ on: { host: "127.1.33.1", port }, tls, onConnection: (duplex) => server.accept(duplex) })
}

describe("the call console", () => {
  let manager: TestManager
  let admin: Visitor
  let agent: TestAgent
  let service: { id: string }
  const listeners: Array<Listener> = []
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    agent = await joinedAgent(manager, "one", "127.1.33.1", 8821)
    const endpoints = [9101, 9102].map((port) => ({ ip: "127.1.33.1", port, weight: 100, status: "online" }))
    service = (await api(manager)("POST", "/services", { name: "foreign", endpoints })).body
    listeners.push(await serve(9101))
  })
  afterAll(async () => {
    for (const listener of listeners) await listener.close()
    await agent.stop()
    await manager.stop()
  })

  const call = (fields: Record<string, string>, id = service.id) =>
    admin.htmx(`/services/${id}/calls`, {
      method: "POST",
      form: {
        method: "hello",
        shown: fields["method"] ?? "hello",
        mode: "json",
        json: "[]",
        timeout: "2 s",
        endpoint: "127.1.33.1:9101",
        ...fields,
      },
    })

  test("asks a service itself for its methods, where no node of ours runs it", async () => {
    const { text } = await admin.ask(`/services/${service.id}/calls`)
    expect(text).toContain('<option value="ticks">')
    expect(text).toContain('name="argument0"')
    const { body } = await api(manager)("GET", "/services/foreign/methods")
    expect(body.methods.map(({ name }: { name: string }) => name)).toEqual(["hello", "ticks", "forever"])
  })

  test("shows the answer with its time and size, and the same call from a shell", async () => {
    const answer = await call({ mode: "fields", argument0: "世界" })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain("&quot;hello 世界&quot;")
    expect(answer.text).toMatch(/[\d.]+ ms/)
    expect(answer.text).toContain("14 B")
    expect(answer.text).toContain("foreign hello 世界".replace("世界", "&#39;世界&#39;"))
    expect(answer.text).toContain("Muster-Node: 127.1.33.1")
  })

  test("shows an error with its code, whether it was executed, and its details", async () => {
    const { text } = await call({ method: "refuse" })
    for (const part of ["failed_precondition", "not &lt;today&gt;", "It was not executed.", "&quot;day&quot;: 7"])
      expect(text).toContain(part)
    expect((await call({ method: "slow", timeout: "50 ms" })).text).toContain("deadline_exceeded")
  })

  test("calls all endpoints, and names the one that nobody answers at", async () => {
    const { text } = await call({ json: '["all"]', endpoint: "all" })
    expect(text).toContain("hello all")
    expect(text).toContain("127.1.33.1:9102")
    expect(text).toContain("unavailable")
  })

  test("cuts what is too large to show", async () => {
    const { text } = await call({ method: "large" })
    expect(text).toContain("Only the first 256 KiB are shown.")
    expect(text).toContain("391 KiB")
    expect(text.length).toBeLessThan(300_000)
  })

  test("shows the first items of a stream, and cancels one that goes on", async () => {
    const short = await call({ method: "ticks" })
    expect(short.text).toContain("3 items · the stream has ended")
    expect(short.text).toContain("--stream")
    expect((await call({ method: "forever" })).text).toContain("100 items · the first ones")
  })

  test("comes to a port with TLS with the manager's certificate", async () => {
    listeners.push(await serve(9103, "foreign.tls", agent.tls))
    const endpoints = [{ ip: "127.1.33.1", port: 9103, weight: 100, status: "online" }]
    const made = (await api(manager)("POST", "/services", { name: "foreign.tls", tls: "on", endpoints })).body
    const answer = await call({ method: "peer", endpoint: "127.1.33.1:9103" }, made.id)
    expect(answer.text).toContain("&quot;client&quot;: &quot;manager: call console&quot;")
    expect(answer.text).toContain("&quot;name&quot;: &quot;manager&quot;")
    listeners.push(await serve(9104, "another", agent.tls))
    const elsewhere = [{ ip: "127.1.33.1", port: 9104, weight: 100, status: "online" }]
    const other = (await api(manager)("POST", "/services", { name: "misplaced", tls: "on", endpoints: elsewhere })).body
    const refused = await call({ method: "peer", endpoint: "127.1.33.1:9104" }, other.id)
    expect(refused.text).toContain("failed_precondition")
  })

  test("comes back with what is wrong, and calls nothing", async () => {
    const wrong = await call({ method: "no method", json: "{}", timeout: "31 s" })
    expect(wrong.status).toBe(422)
    for (const field of ["method", "json", "timeout"]) expect(wrong.text).toContain(`id="${field}-error"`)
    const early = await call({ method: "hello", shown: "ticks", mode: "fields" })
    expect(early.status).toBe(422)
    expect(early.text).toContain('name="argument0"')
    expect((await call({ endpoint: "10.0.0.1:1" })).status).toBe(404)
  })

  test("gives the arguments of another method, or in another form, without a call", async () => {
    const edit = (form: Record<string, string>) =>
      admin.htmx(`/services/${service.id}/calls/editor`, { method: "POST", form: { timeout: "2 s", ...form } })
    const other = await edit({ method: "hello", shown: "ticks", mode: "fields" })
    expect(other.text).toContain('name="argument0"')
    const json = await edit({ method: "hello", shown: "hello", mode: "fields", argument0: "a", to: "json" })
    expect(json.text).toContain("&quot;a&quot;")
  })

  test("keeps in the audit who called what, and not with which arguments", async () => {
    await call({ json: '["a secret"]' })
    using store = new Database(join(manager.dataDir, "muster.db"), { readonly: true })
    const rows = store.query("select who, detail from audit where what = 'service.call'").all() as Array<{
      who: string
      detail: string
    }>
    expect(rows.at(-1)?.who).toBe("admin")
    expect(JSON.parse(rows.at(-1)?.detail ?? "")).toEqual({ method: "hello", endpoints: ["127.1.33.1:9101"] })
    expect(JSON.stringify(rows)).not.toContain("secret")
  })

  test("is no way to the agents, and needs the token of the session", async () => {
    const kernel = (await api(manager)("GET", "/services/node_manager")).body
    expect((await call({}, kernel.id)).status).toBe(409)
    const path = `/services/${service.id}/calls`
    expect((await admin.htmx(path, { method: "POST", headers: { "x-csrf-token": "" } })).status).toBe(403)
  })
})
