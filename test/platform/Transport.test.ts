import { afterEach, beforeAll, describe, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { issue, makeAuthority, makeRequest, type CertificateAuthority } from "../../src/platform/Certificates.ts"
import { dial, listen, type Duplex, type Listener, type TlsMaterial } from "../../src/platform/Transport.ts"
import { waitFor } from "../support/waitFor.ts"

const day = Date.UTC(2026, 0, 1)
const nowMs = Math.max(day, performance.timeOrigin)
const local = { host: "127.0.0.1", port: 0 }
const open: Array<Listener> = []

const certified = async (ca: CertificateAuthority, cn: string): Promise<TlsMaterial & { serial: string }> => {
  const { csr, key } = await makeRequest(cn)
  const { pem, serial } = await issue(ca, csr, { cn, addresses: ["127.0.0.1"], days: 1, nowMs })
  return { key, cert: pem, ca: ca.pem, serial }
}

/** Collects what arrives. */
const listener = (duplex: Duplex) => {
  const seen = { text: "", closed: false, error: undefined as Error | undefined, drains: 0 }
  duplex.handle({
    data: (chunk) => {
      seen.text += new TextDecoder().decode(chunk)
    },
    drain: () => {
      seen.drains++
    },
    close: (error) => {
      seen.closed = true
      seen.error = error
    },
  })
  return seen
}

const echo = (duplex: Duplex) =>
  duplex.handle({ data: (chunk) => void duplex.write(Uint8Array.from(chunk)), drain() {}, close() {} })

const bytes = (text: string) => new TextEncoder().encode(text)

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()))
})

describe("plain connections", () => {
  test("bytes go both ways over TCP, and both ends see the close", async () => {
    let accepted: Duplex | undefined
    let server: ReturnType<typeof listener> | undefined
    const at = await listen({
      on: local,
      onConnection: (duplex) => {
        accepted = duplex
        server = listener(duplex)
        duplex.write(bytes("from the server"))
      },
    })
    open.push(at)
    const duplex = await dial({ to: { host: "127.0.0.1", port: at.port }, timeoutMs: 1000 })
    const client = listener(duplex)
    duplex.write(bytes("from the client"))
    await waitFor(() => server?.text === "from the client" && client.text === "from the server")
    expect(duplex.remote).toBe(`127.0.0.1:${at.port}`)
    expect(accepted?.remote).toStartWith("127.0.0.1:")
    expect(accepted?.peer).toBeUndefined()
    duplex.end()
    await waitFor(() => server?.closed === true && client.closed)
    expect(client.error).toBeUndefined()
    expect(accepted?.write(bytes("too late"))).toBe(true)
  })

  test("a unix socket has no port and the remote `unix`", async () => {
    const folder = await mkdtemp(join(tmpdir(), "transport-"))
    const path = join(folder, "socket")
    const at = await listen({ on: { path }, onConnection: echo })
    open.push(at)
    const duplex = await dial({ to: { path }, timeoutMs: 1000 })
    const client = listener(duplex)
    duplex.write(bytes("hello"))
    await waitFor(() => client.text === "hello")
    expect([at.port, duplex.remote]).toEqual([0, "unix"])
    duplex.destroy()
    await rm(folder, { recursive: true })
  })

  test("close stops accepting and leaves open connections alone", async () => {
    const at = await listen({ on: local, onConnection: echo })
    const to = { host: "127.0.0.1", port: at.port }
    const duplex = await dial({ to, timeoutMs: 1000 })
    const client = listener(duplex)
    await waitFor(() => {
      duplex.write(bytes("."))
      return client.text.length > 0
    })
    await at.close()
    await expect(dial({ to, timeoutMs: 1000 })).rejects.toThrow()
    client.text = ""
    duplex.write(bytes("still here"))
    await waitFor(() => client.text.includes("still here"))
    duplex.destroy()
  })

  test("nothing is read before there is a handler, and nothing is lost", async () => {
    let accepted: Duplex | undefined
    const at = await listen({
      on: local,
      onConnection: (duplex) => {
        accepted = duplex
      },
    })
    open.push(at)
    const raw = net.connect(at.port, "127.0.0.1")
    raw.end("early bytes")
    await waitFor(() => accepted !== undefined)
    await waitFor(() => raw.writableFinished)
    const server = listener(accepted as Duplex)
    await waitFor(() => server.closed)
    expect(server.text).toBe("early bytes")
  })

  test("a peer that reads nothing makes write say so, and drain follows when it reads", async () => {
    let accepted: Duplex | undefined
    const at = await listen({
      on: local,
      onConnection: (duplex) => {
        accepted = duplex
        listener(duplex)
        duplex.pause()
      },
    })
    open.push(at)
    const duplex = await dial({ to: { host: "127.0.0.1", port: at.port }, timeoutMs: 1000 })
    const client = listener(duplex)
    await waitFor(() => accepted !== undefined)
    const block = new Uint8Array(1024 * 1024)
    let blocks = 0
    while (duplex.write(block) && blocks < 256) blocks++
    expect(blocks).toBeLessThan(256)
    expect(client.drains).toBe(0)
    accepted?.resume()
    await waitFor(() => client.drains > 0)
    duplex.destroy()
  })

  test("an end loses nothing that a slow peer has yet to read", async () => {
    const size = 8 * 2 ** 20
    let isTaken: boolean | undefined
    const at = await listen({
      on: local,
      onConnection: (duplex) => {
        listener(duplex)
        isTaken = duplex.write(new Uint8Array(size))
        duplex.end()
      },
    })
    open.push(at)
    const raw = net.connect(at.port, "127.0.0.1")
    raw.pause()
    let received = 0
    let ended = false
    raw.on("data", (chunk) => (received += chunk.length))
    raw.on("end", () => (ended = true))
    await waitFor(() => isTaken === false)
    raw.resume()
    await waitFor(() => ended)
    expect(received).toBe(size)
  })

  test("the close is never told from within the method that brought it about", async () => {
    let accepted: Duplex | undefined
    const at = await listen({ on: local, onConnection: (duplex) => (accepted = duplex) })
    open.push(at)
    const toldWithin: Array<boolean> = []
    const watched = (duplex: Duplex) => {
      let isWithin = false
      duplex.handle({ data() {}, drain() {}, close: () => void toldWithin.push(isWithin) })
      return (act: (duplex: Duplex) => void) => {
        isWithin = true
        act(duplex)
        isWithin = false
      }
    }
    const client = watched(await dial({ to: { host: "127.0.0.1", port: at.port }, timeoutMs: 1000 }))
    await waitFor(() => accepted !== undefined)
    const server = watched(accepted as Duplex)
    client((duplex) => duplex.destroy())
    await waitFor(() => {
      server((duplex) => duplex.write(new Uint8Array(2 ** 20)))
      return toldWithin.length === 2
    })
    expect(toldWithin).toEqual([false, false])
  })

  test("a port that nobody listens on, a name that is none and silence are errors with the address", async () => {
    const at = await listen({ on: local, onConnection: echo })
    await at.close()
    await expect(dial({ to: { host: "127.0.0.1", port: at.port }, timeoutMs: 1000 })).rejects.toThrow()
    await expect(dial({ to: { host: "no-such-host.invalid", port: 1 }, timeoutMs: 5000 })).rejects.toThrow()
    await expect(listen({ on: { host: "203.0.113.1", port: 0 }, onConnection: echo })).rejects.toThrow()
  })
})

describe("mutual TLS", () => {
  let ca: CertificateAuthority
  let server: TlsMaterial & { serial: string }
  let client: TlsMaterial & { serial: string }

  beforeAll(async () => {
    ca = await makeAuthority({ nowMs })
    server = await certified(ca, "node:one")
    client = await certified(ca, "manager")
  })

  const listenTls = async (onConnection: (duplex: Duplex) => void) => {
    const at = await listen({ on: local, tls: server, onConnection })
    open.push(at)
    return { host: "127.0.0.1", port: at.port }
  }

  test("both sides learn the other's name and serial", async () => {
    let accepted: Duplex | undefined
    const to = await listenTls((duplex) => {
      accepted = duplex
      echo(duplex)
    })
    const duplex = await dial({ to, tls: { ...client, expectedName: "node:one" }, timeoutMs: 2000 })
    const seen = listener(duplex)
    duplex.write(bytes("secret"))
    await waitFor(() => seen.text === "secret")
    expect(duplex.peer).toEqual({ commonName: "node:one", serial: server.serial })
    expect(accepted?.peer).toEqual({ commonName: "manager", serial: client.serial })
    duplex.end()
    await waitFor(() => seen.closed)
  })

  test("without an expected name the server's address must be in its certificate", async () => {
    const to = await listenTls(echo)
    const duplex = await dial({ to, tls: client, timeoutMs: 2000 })
    duplex.destroy()
    await expect(dial({ to: { ...to, host: "127.1.1.9" }, tls: client, timeoutMs: 2000 })).rejects.toThrow()
  })

  test("a server of another name is refused", async () => {
    const to = await listenTls(echo)
    const tls = { ...client, expectedName: "node:two" }
    await expect(dial({ to, tls, timeoutMs: 2000 })).rejects.toThrow('names "node:one", expected "node:two"')
  })

  test("a server of another authority is refused", async () => {
    const to = await listenTls(echo)
    const other = await makeAuthority({ nowMs })
    const tls = { ...client, ca: other.pem, expectedName: "node:one" }
    await expect(dial({ to, tls, timeoutMs: 2000 })).rejects.toThrow()
  })

  test("a client without a certificate, or with one of another authority, never reaches the service", async () => {
    let reached = 0
    const to = await listenTls(() => {
      reached++
    })
    const { connect } = await import("node:tls")
    const stranger = await certified(await makeAuthority({ nowMs }), "manager")
    for (const identity of [{}, { key: stranger.key, cert: stranger.cert }]) {
      const socket = connect({ ...to, ca: ca.pem, ...identity, checkServerIdentity: () => undefined })
      let ended = false
      socket.on("error", () => {})
      socket.on("close", () => {
        ended = true
      })
      socket.resume()
      await waitFor(() => ended)
    }
    expect(reached).toBe(0)
  })

  test("plain text to a TLS port and a handshake that stands still are closed", async () => {
    const to = await listenTls(() => {
      throw new Error("reached")
    })
    const shouting = net.connect(to.port, to.host)
    const silent = net.connect(to.port, to.host)
    const closed = { shouting: false, silent: false }
    shouting.on("error", () => {}).on("close", () => (closed.shouting = true))
    silent.on("error", () => {}).on("close", () => (closed.silent = true))
    shouting.resume().write("GET / HTTP/1.1\r\n\r\n")
    silent.resume()
    await waitFor(() => closed.shouting, { timeoutMs: 8000 })
    await waitFor(() => closed.silent, { timeoutMs: 8000 })
  }, 20_000)
})
