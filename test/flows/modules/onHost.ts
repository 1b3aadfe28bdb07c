import { readFileSync } from "node:fs"
import { connect as connectHttp2 } from "node:http2"
import { connect as connectTcp } from "node:net"
import { connect as connectTls } from "node:tls"
import { CallError, connect } from "../../../src/client/index.ts"
import { helloFrame } from "../../rpc/RawClient.ts"

// What the tests do on a host other than this one: each tool prints JSON.
const [tool, ...args] = process.argv.slice(2)
const arg = (index: number) => args[index] ?? ""
const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)

/** A request to the JSON API: url of the page, data folder of the manager, method, path, body. */
const api = async () => {
  const [url, data, method, path, body] = [arg(0), arg(1), arg(2), arg(3), args[4]]
  const ca = readFileSync(`${data}/ca/ca.pem`, "utf8")
  const token = readFileSync(`${data}/manager/cli-token`, "utf8").trim()
  const response = await fetch(`${url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    tls: { ca },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  print({ status: response.status, body: text === "" ? null : (JSON.parse(text) as unknown) })
}

/** The page over HTTP/2, its certificate verified against the cluster's CA: url, data folder. */
const http2 = async () => {
  const session = connectHttp2(arg(0), { ca: readFileSync(`${arg(1)}/ca/ca.pem`, "utf8") })
  const status = await new Promise<number>((resolve, reject) => {
    session.on("error", reject)
    const request = session.request({ ":path": "/api/health" })
    request.on("response", (headers) => resolve(Number(headers[":status"])))
    request.on("error", reject)
  })
  print({ protocol: session.alpnProtocol, status })
  session.destroy()
}

/** Says HELLO, plainly or over TLS without a certificate, and tells what came back: `tcp` or `tls`, host, port. */
const knock = async () => {
  const to = { host: arg(1), port: Number(arg(2)) }
  const said = await new Promise<{ bytes: number; ended: string }>((resolve) => {
    let bytes = 0
    const socket = arg(0) === "tls" ? connectTls({ ...to, rejectUnauthorized: false }) : connectTcp(to)
    const end = (ended: string) => {
      resolve({ bytes, ended })
      socket.destroy()
    }
    // Longer than any handshake may take.
    socket.setTimeout(6_000, () => end("silence"))
    socket.on(arg(0) === "tls" ? "secureConnect" : "connect", () => socket.write(helloFrame()))
    socket.on("data", (chunk) => (bytes += chunk.length))
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.on("close", () => end("closed"))
  })
  print(said)
}

/** Calls `who` of a service in `width` loops until it is killed, a line for each: data folder, service, width. */
const call = async () => {
  const client = connect(arg(1), { dataDir: arg(0) })
  const loop = async () => {
    for (;;) {
      const at = Date.now()
      const outcome = await client.call<{ pid: number }>("who").then(
        ({ pid }) => ({ pid }),
        (error: unknown) => ({ error: error instanceof CallError ? `${error.code}: ${error.message}` : `${error}` }),
      )
      print({ at, ms: Date.now() - at, ...outcome })
      await Bun.sleep(10)
    }
  }
  await Promise.all(Array.from({ length: Number(arg(2)) }, loop))
}

await { api, http2, knock, call }[tool as "api"]()
