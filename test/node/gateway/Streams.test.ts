import { connect } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { RpcError } from "../../../src/protocol/RpcError.ts"
import type { Handler } from "../../../src/rpc/RpcServer.ts"
import { waitFor } from "../../support/waitFor.ts"
import { TestGateway } from "./TestGateway.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

/** Opened by the test, so that it decides when a stream goes on. */
let gate = Promise.withResolvers<void>()
let produced = 0
let left = 0
beforeEach(() => {
  gate = Promise.withResolvers()
  produced = left = 0
})

const methods: Readonly<Record<string, Handler>> = {
  /** Items 1, 2 and, when the gate is open, 3. */
  ticks: async function* () {
    yield { at: 1 }
    yield "two\nlines, 世界"
    await gate.promise
    yield null
  },
  broken: async function* () {
    yield 1
    throw new RpcError("data_loss", "the tape is torn", { details: { at: 1 } })
  },
  // oxlint-disable-next-line require-yield
  refused: async function* () {
    throw new RpcError("permission_denied", "not you")
  },
  late: async function* () {
    await gate.promise
    yield "at last"
  },
  endless: async function* (_args, { signal }) {
    try {
      while (!signal.aborted) {
        produced++
        yield "x".repeat(10_000)
      }
    } finally {
      left++
    }
  },
  quiet: async function* (_args, { signal }) {
    yield "now"
    await new Promise((resolve) => signal.addEventListener("abort", resolve))
    left++
  },
  one: ([value]) => value,
  meta: (_args, { meta }) => ({ key: meta["key"], traceparent: meta["traceparent"] }),
  count: () => ++produced,
}

let gateway: TestGateway
beforeAll(async () => {
  gateway = await TestGateway.start(methods)
})
afterAll(() => gateway[Symbol.asyncDispose]())

const ndjson = "application/x-ndjson"
const sse = "text/event-stream"

/** A running curl, and what it has printed so far. */
class Curl {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">
  readonly #read: Promise<void>
  text = ""

  constructor(...args: ReadonlyArray<string>) {
    this.#child = Bun.spawn(["curl", "-sSN", "-X", "POST", ...args], { stdout: "pipe", stderr: "inherit" })
    this.#read = this.#collect()
  }

  async #collect() {
    const decoder = new TextDecoder()
    for await (const chunk of this.#child.stdout) this.text += decoder.decode(chunk, { stream: true })
  }

  /** The exit code, when it has read to the end. */
  async end() {
    await this.#read
    return await this.#child.exited
  }

  async kill() {
    this.#child.kill("SIGKILL")
    await this.#child.exited
  }
}

const curl = (method: string, accept: string, ...more: ReadonlyArray<string>) =>
  new Curl(`${gateway.url}/rpc/shop/${method}`, "-H", `Accept: ${accept}`, ...more)

describe("a stream", () => {
  test("as NDJSON is a line for each item, as it comes", async () => {
    const reader = curl("ticks", ndjson)
    await waitFor(() => reader.text.split("\n").length === 3)
    expect(reader.text).toBe('{"at":1}\n"two\\nlines, 世界"\n')
    gate.resolve()
    expect(await reader.end()).toBe(0)
    expect(reader.text).toEndWith('世界"\nnull\n')
  })

  test("as server-sent events has an event for each item, and one for its end", async () => {
    const reader = curl("ticks", sse, "-i")
    await waitFor(() => reader.text.includes('data: "two\\nlines, 世界"\n\n'))
    expect(reader.text).toMatch(/^HTTP\/1\.1 200 /)
    expect(reader.text.toLowerCase()).toContain("content-type: text/event-stream\r\n")
    expect(reader.text).toEndWith('\r\n\r\n:\n\ndata: {"at":1}\n\ndata: "two\\nlines, 世界"\n\n')
    gate.resolve()
    expect(await reader.end()).toBe(0)
    expect(reader.text).toEndWith("data: null\n\nevent: end\ndata: null\n\n")
  })

  test("comes over the unix socket too", async () => {
    gate.resolve()
    const socket = gateway.node.path("gateway/gateway.sock")
    const reader = new Curl("--unix-socket", socket, "http://muster/rpc/shop/ticks", "-H", `Accept: ${ndjson}`)
    expect(await reader.end()).toBe(0)
    expect(reader.text.trimEnd().split("\n")).toHaveLength(3)
  })

  test("that fails later says so at its end", async () => {
    const error = {
      code: "data_loss",
      message: expect.stringContaining("the tape is torn"),
      executed: "yes",
      details: { at: 1 },
    }
    const lines = curl("broken", ndjson)
    expect(await lines.end()).toBe(0)
    const [first, last = "", ...rest] = lines.text.trimEnd().split("\n")
    expect([first, rest]).toEqual(["1", []])
    expect(JSON.parse(last)).toEqual({ error })
    const events = curl("broken", sse)
    expect(await events.end()).toBe(0)
    const [, data = ""] = /^:\n\ndata: 1\n\nevent: error\ndata: (.*)\n\n$/.exec(events.text) ?? []
    expect(JSON.parse(data)).toEqual(error)
  })

  test("that is refused has the status of the refusal", async () => {
    expect(await gateway.post("/rpc/shop/refused", "[]", { accept: ndjson })).toMatchObject({
      status: 403,
      body: { code: "permission_denied", executed: "yes" },
    })
    expect(await gateway.post("/rpc/shop/nope", "[]", { accept: sse })).toMatchObject({
      status: 501,
      body: { code: "unimplemented", executed: "no" },
    })
  })

  test("as events begins without its first item when that takes long", async () => {
    const reader = curl("late", sse, "-i")
    await waitFor(() => reader.text.endsWith("\r\n\r\n:\n\n"))
    expect(reader.text).toMatch(/^HTTP\/1\.1 200 /)
    gate.resolve()
    expect(await reader.end()).toBe(0)
    expect(reader.text).toEndWith('\n\ndata: "at last"\n\nevent: end\ndata: null\n\n')
  })

  test("has no timeout but the one that is given", async () => {
    const reader = curl("ticks", ndjson, "-H", "Muster-Timeout: 700ms")
    expect(await reader.end()).toBe(0)
    const last = reader.text.trimEnd().split("\n").at(-1) ?? ""
    expect(JSON.parse(last)).toMatchObject({ error: { code: "deadline_exceeded" } })
  })

  test("is cancelled when its reader goes away, waiting or not", async () => {
    const fast = curl("endless", sse, "-o", "/dev/null")
    await waitFor(() => produced > 100)
    await fast.kill()
    await waitFor(() => left === 1)
    for (const [index, accept] of [ndjson, sse].entries()) {
      const quiet = curl("quiet", accept)
      await waitFor(() => quiet.text.includes("now"))
      await quiet.kill()
      await waitFor(() => left === 2 + index)
    }
  })

  test("is produced only as fast as it is read", async () => {
    const { port } = new URL(gateway.url)
    const socket = connect(Number(port), "127.0.0.1")
    socket.pause()
    socket.write(
      `POST /rpc/shop/endless HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: ${ndjson}\r\nContent-Length: 0\r\n\r\n`,
    )
    let before = -1
    await waitFor(async () => {
      const isStill = produced > 64 && produced === before
      before = produced
      if (!isStill) await Bun.sleep(300)
      return isStill
    })
    // What the kernel's buffers hold, and the window of the stream.
    expect(produced).toBeLessThan(3_000)
    const held = produced
    socket.resume()
    await waitFor(() => produced > held + 1_000)
    socket.destroy()
    await waitFor(() => left === 1)
  })

  test("that is over, or left, counts no more among the open calls", async () => {
    const headers = { accept: ndjson }
    const begin = (method: string) => fetch(`${gateway.url}/rpc/shop/${method}`, { method: "POST", headers })
    // More than may be open at once.
    for (let round = 0; round < 11; round++) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => begin(index % 2 ? "one" : "quiet")))
      expect(answers.filter(({ status }) => status !== 200)).toEqual([])
      await Promise.all(answers.map(({ body }) => body?.cancel()))
    }
    await waitFor(() => left === 550)
    expect((await gateway.post("/rpc/shop/one", "[1]")).status).toBe(200)
  })

  test("may be asked of a method that answers once, but not the other way round", async () => {
    const reader = curl("one", ndjson, "-d", '[{"a":[1]}]')
    expect(await reader.end()).toBe(0)
    expect(reader.text).toBe('{"a":[1]}\n')
    const { body, status } = await gateway.post("/rpc/shop/ticks", "[]")
    expect({ body, status }).toMatchObject({ status: 400, body: { code: "failed_precondition" } })
  })

  test("ends with an error when the agent stops", async () => {
    await using other = await TestGateway.start(methods)
    const reader = new Curl(`${other.url}/rpc/shop/ticks`, "-H", `Accept: ${sse}`)
    await waitFor(() => reader.text.includes("世界"))
    await other.node.stop()
    expect(await reader.end()).toBe(0)
    expect(reader.text).toMatch(/event: error\ndata: \{"code":"unavailable","message":"the gateway stops[^\n]*\n\n$/)
  })
})

describe("a call", () => {
  test("passes the key and the trace on, the latter only when it is one", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    const asked = (headers: Record<string, string>) => gateway.post("/rpc/shop/meta", "[]", headers)
    expect((await asked({ "idempotency-key": "order-7", traceparent })).body).toEqual({ key: "order-7", traceparent })
    expect((await asked({ traceparent: traceparent.replace(/4bf9.*-00f0/, `${"0".repeat(32)}-00f0`) })).body).toEqual(
      {},
    )
    for (const key of ["", "k".repeat(256)]) {
      expect(await asked({ "idempotency-key": key })).toMatchObject({ status: 400, body: { executed: "no" } })
    }
    expect(await gateway.post("/rpc/shop/ticks", "[]", { accept: sse, "idempotency-key": "k" })).toMatchObject({
      status: 400,
      body: { message: "Idempotency-Key is for a call with one answer, not for a stream" },
    })
  })

  test("that nobody waits for is sent, and answered with 202", async () => {
    const response = await fetch(`${gateway.url}/rpc/shop/count`, {
      method: "POST",
      headers: { prefer: "respond-async" },
    })
    expect([response.status, response.headers.get("preference-applied"), await response.text()]).toEqual([
      202,
      "respond-async",
      "",
    ])
    await waitFor(() => produced === 1)
  })

  test("whose answer can't be in the form that was asked for is refused", async () => {
    expect(await gateway.post("/rpc/shop/one", "[1]", { accept: "text/html" })).toMatchObject({
      status: 406,
      body: { code: "invalid_argument", executed: "no" },
    })
  })
})
