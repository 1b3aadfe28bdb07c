import * as net from "node:net"
import * as tls from "node:tls"
import {
  addressText,
  type DialOptions,
  type Duplex,
  type DuplexHandler,
  type Identity,
  type Listener,
  type ListenOptions,
  type TlsMaterial,
} from "./Duplex.ts"

const handshakeTimeoutMs = 3_000
const tlsVersion = "TLSv1.3"

class SocketDuplex implements Duplex {
  readonly remote: string
  readonly peer: Identity | undefined
  readonly #socket: net.Socket
  #error: Error | undefined
  #closed = false
  #handler: DuplexHandler | undefined

  constructor(socket: net.Socket, peer: Identity | undefined) {
    this.#socket = socket
    this.peer = peer
    this.remote = remoteOf(socket)
    socket.setNoDelay(true)
    socket.on("error", (error: Error) => {
      this.#error ??= error
    })
    socket.on("close", () => {
      this.#closed = true
      this.#handler?.close(this.#error)
    })
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || !this.#socket.writable) return true
    return this.#socket.write(bytes)
  }

  end(): void {
    if (!this.#closed) this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  handle(handler: DuplexHandler): void {
    const isFirst = this.#handler === undefined
    this.#handler = handler
    if (this.#closed) {
      queueMicrotask(() => handler.close(this.#error))
      return
    }
    if (!isFirst) return
    this.#socket.on("drain", () => this.#handler?.drain())
    this.#socket.on("data", (chunk: Uint8Array) => this.#handler?.data(chunk))
  }
}

const identityOf = (socket: tls.TLSSocket): Identity | undefined => {
  const certificate = socket.getPeerCertificate()
  const name: unknown = certificate?.subject?.CN
  if (typeof name !== "string") return undefined
  return { commonName: name, serial: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, "") }
}

const secureOptions = (material: TlsMaterial) => ({
  key: material.key,
  cert: material.cert,
  ca: material.ca,
  minVersion: tlsVersion as tls.SecureVersion,
})

const remoteOf = (socket: net.Socket) =>
  socket.remoteAddress === undefined ? "unix" : `${socket.remoteAddress}:${socket.remotePort}`

const forget = (timers: Map<string, ReturnType<typeof setTimeout>>, remote: string) => {
  clearTimeout(timers.get(remote))
  timers.delete(remote)
}

const plainServer = (options: ListenOptions): net.Server =>
  net.createServer((socket) => options.onConnection(new SocketDuplex(socket, undefined)))

const secureServer = (options: ListenOptions, material: TlsMaterial): net.Server => {
  const server = tls.createServer({
    ...secureOptions(material),
    requestCert: true,
    rejectUnauthorized: true,
  })
  // Bun has no handshake timeout. What it announces here is the TLS socket, elsewhere the one below: the address is both's.
  const shaking = new Map<string, ReturnType<typeof setTimeout>>()
  server.on("connection", (socket) => {
    const remote = remoteOf(socket)
    shaking.set(
      remote,
      setTimeout(() => socket.destroy(), handshakeTimeoutMs),
    )
    socket.once("close", () => forget(shaking, remote))
  })
  server.on("secureConnection", (socket) => {
    forget(shaking, remoteOf(socket))
    const peer = identityOf(socket)
    if (!socket.authorized || peer === undefined) {
      socket.destroy()
      return
    }
    options.onConnection(new SocketDuplex(socket, peer))
  })
  // A client that failed the handshake is gone already; without a listener some runtimes would throw.
  server.on("tlsClientError", () => {})
  return server
}

const listenArguments = (options: ListenOptions): net.ListenOptions & { fd?: number } => {
  const backlog = options.backlog ?? 511
  return { ...options.on, backlog }
}

const dialSocket = (options: DialOptions): net.Socket => {
  const { tls: material, to } = options
  if (material === undefined) return "path" in to ? net.connect(to.path) : net.connect(to.port, to.host)
  return tls.connect({
    ...to,
    ...secureOptions(material),
    rejectUnauthorized: true,
    // The name is checked after the handshake, against the identity: runtimes differ in when they call this.
    ...(material.expectedName === undefined ? {} : { checkServerIdentity: () => undefined }),
  })
}

export const dial = (options: DialOptions): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = dialSocket(options)
    const fail = (error: Error) => {
      clearTimeout(timer)
      // Whatever else it has to say is said of a connection that nobody waits for.
      socket.on("error", () => {})
      socket.destroy()
      reject(error)
    }
    const target = addressText(options.to)
    const timer = setTimeout(
      () => fail(new Error(`Cannot connect to ${target}: no answer within ${Math.round(options.timeoutMs)} ms`)),
      options.timeoutMs,
    )
    const early = () => fail(new Error(`Cannot connect to ${target}: closed before it was open`))
    socket.once("error", fail)
    socket.once("close", early)
    socket.once(options.tls === undefined ? "connect" : "secureConnect", () => {
      const peer = socket instanceof tls.TLSSocket ? identityOf(socket) : undefined
      const expected = options.tls?.expectedName
      if (expected !== undefined && peer?.commonName !== expected)
        return fail(new Error(`Certificate of ${target} names "${peer?.commonName ?? ""}", expected "${expected}"`))
      clearTimeout(timer)
      const duplex = new SocketDuplex(socket, peer)
      socket.off("error", fail)
      socket.off("close", early)
      resolve(duplex)
    })
  })

export const listen = (options: ListenOptions): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const server = options.tls === undefined ? plainServer(options) : secureServer(options, options.tls)
    server.once("error", reject)
    server.listen(listenArguments(options), () => {
      server.off("error", reject)
      // An accept that failed (no descriptors left) is over with that connection.
      server.on("error", () => {})
      const address = server.address()
      resolve({
        port: typeof address === "object" && address !== null ? address.port : 0,
        // Not awaited: its callback waits for the last connection, which is the owner's to close.
        close: () => {
          server.close()
          return Promise.resolve()
        },
      })
    })
  })
