import {
  addressText,
  type DialOptions,
  type Duplex,
  type DuplexHandler,
  type Listener,
  type ListenOptions,
} from "./Duplex.ts"

type Data = BunDuplex | undefined
type Socket = Bun.Socket<Data>

/** A plain socket of Bun's. It takes what the kernel takes at once; the rest waits here. */
class BunDuplex implements Duplex {
  readonly remote: string
  readonly peer = undefined
  readonly #socket: Socket
  #handler: DuplexHandler | undefined
  /** Who has heard of the close. */
  #told: DuplexHandler | undefined
  /** What came before there was a handler; reading stops with it. */
  #early: Uint8Array | undefined
  readonly #unsent: Array<Uint8Array> = []
  #isEnding = false
  #isClosed = false
  #error: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    const { remoteAddress, remotePort } = socket
    this.remote = remotePort === undefined || remotePort === 0 ? "unix" : `${remoteAddress}:${remotePort}`
    socket.setNoDelay(true)
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnding) return true
    if (this.#unsent.length > 0) this.#unsent.push(bytes)
    else this.#send(bytes)
    return this.#unsent.length === 0
  }

  /** What the kernel doesn't take stays first in the queue. */
  #send(bytes: Uint8Array): void {
    const sent = this.#socket.write(bytes)
    // The other side takes nothing any more, which the runtime does not say of a connection that it has ended.
    if (sent < 0) this.destroy()
    else if (sent < bytes.length) this.#unsent.unshift(bytes.subarray(sent))
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return
    this.#isEnding = true
    if (this.#unsent.length === 0) this.#socket.shutdown()
  }

  destroy(): void {
    if (!this.#isClosed) this.#socket.close()
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
    if (this.#early !== undefined) {
      if (isFirst) queueMicrotask(() => this.#begin())
    } else if (this.#isClosed) queueMicrotask(() => this.#tell())
  }

  #begin(): void {
    const early = this.#early
    this.#early = undefined
    if (early !== undefined) this.#handler?.data(early)
    if (this.#isClosed) this.#tell()
    else this.#socket.resume()
  }

  received(bytes: Uint8Array): void {
    if (this.#handler !== undefined && this.#early === undefined) return this.#handler.data(bytes)
    this.#early = this.#early === undefined ? bytes : Buffer.concat([this.#early, bytes])
    this.#socket.pause()
  }

  drained(): void {
    if (this.#unsent.length === 0) return
    while (this.#unsent.length > 0) {
      const before = this.#unsent.length
      this.#send(this.#unsent.shift() ?? new Uint8Array())
      if (this.#unsent.length === before) return
    }
    if (this.#isClosed) return
    if (this.#isEnding) this.#socket.shutdown()
    else this.#handler?.drain()
  }

  /** The other side sends nothing more. */
  ended(): void {
    this.end()
  }

  /** Told later: the runtime says it in the midst of a write, and whoever writes would be closed under its own hands. */
  closed(error: Error | undefined): void {
    this.#isClosed = true
    this.#error = error
    this.#unsent.length = 0
    if (this.#early === undefined) queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    if (this.#handler === this.#told) return
    this.#told = this.#handler
    this.#handler?.close(this.#error)
  }
}

const handlers = (onOpen: (duplex: BunDuplex) => void): Bun.SocketHandler<Data> => ({
  open: (socket) => {
    socket.data = new BunDuplex(socket)
    onOpen(socket.data)
  },
  data: (socket, bytes) => socket.data?.received(bytes),
  drain: (socket) => socket.data?.drained(),
  end: (socket) => socket.data?.ended(),
  // The close says it too.
  error: () => undefined,
  close: (socket, error) => socket.data?.closed(error),
})

const coded = (error: unknown, what: string): Error => {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error)
  return Object.assign(new Error(`${what}: ${code}`, { cause: error }), { code })
}

export const dial = ({ timeoutMs, to }: DialOptions): Promise<Duplex> => {
  const { promise, reject, resolve } = Promise.withResolvers<Duplex>()
  const target = addressText(to)
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    reject(new Error(`Cannot connect to ${target}: no answer within ${Math.round(timeoutMs)} ms`))
  }, timeoutMs)
  const onOpen = (duplex: BunDuplex) => {
    clearTimeout(timer)
    if (isOver) duplex.destroy()
    else resolve(duplex)
  }
  const common = { allowHalfOpen: true, data: undefined, socket: handlers(onOpen) }
  const dialled =
    "path" in to
      ? Bun.connect<Data>({ ...common, unix: to.path })
      : Bun.connect<Data>({ ...common, hostname: to.host, port: to.port })
  dialled.catch((error: unknown) => {
    clearTimeout(timer)
    reject(coded(error, `Cannot connect to ${target}`))
  })
  return promise
}

const listenOn = ({ backlog = 511, on, onConnection }: ListenOptions) => {
  const common = { allowHalfOpen: true, backlog, data: undefined, socket: handlers(onConnection) }
  if ("path" in on) return Bun.listen<Data>({ ...common, unix: on.path })
  if ("fd" in on) return Bun.listen<Data>({ ...common, fd: on.fd } as unknown as Bun.TCPSocketListenOptions<Data>)
  return Bun.listen<Data>({ ...common, hostname: on.host, port: on.port })
}

export const listen = (options: ListenOptions): Promise<Listener> => {
  const { on } = options
  try {
    const listener = listenOn(options)
    return Promise.resolve({
      port: "port" in listener && typeof listener.port === "number" ? listener.port : 0,
      close: () => {
        listener.stop()
        return Promise.resolve()
      },
    })
  } catch (error) {
    return Promise.reject(coded(error, `Cannot listen at ${"fd" in on ? `descriptor ${on.fd}` : addressText(on)}`))
  }
}
