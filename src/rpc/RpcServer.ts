import { type Duplex, processId } from "../platform/Transport.ts"
import { encode } from "../protocol/Encode.ts"
import { serverHello } from "../protocol/Handshake.ts"
import { protocolError } from "../protocol/Frame.ts"
import { callLimits } from "../protocol/Limits.ts"
import type { RpcError } from "../protocol/RpcError.ts"
import { notRun } from "./CallRunner.ts"
import { now } from "./Deadlines.ts"
import { type Detected, Detector } from "./legacy/Detector.ts"
import { LegacyDuplex } from "./legacy/LegacyDuplex.ts"
import type { RpcServerOptions } from "./Handler.ts"
import { Pace } from "./Pace.ts"
import { leaveMs, ServerConnection, type ServerHost } from "./ServerConnection.ts"
import { Counts, type ServerFigures } from "./ServerFigures.ts"

export type { ServerFigures } from "./ServerFigures.ts"

export {
  type Handler,
  type MethodMeter,
  methodsOf,
  type RpcFault,
  type RpcServerOptions,
  type ServerCall,
  serverMethod,
  type ServerMethod,
} from "./Handler.ts"

export interface OpenCall {
  readonly method: string
  readonly ageMs: number
  readonly remote: string
}

/** Refused connections that are told why at once; more are just closed. */
const refusedMax = 1_000
const shutDown = "The server is shutting down"

/** Answers muster/1 on the connections it is given. One for all connections of a worker. */
export class RpcServer {
  /** Calls that a handler has answered, in any way. */
  get served(): number {
    return this.#counts.served
  }

  readonly #options: RpcServerOptions
  readonly #host: ServerHost
  readonly #counts = new Counts()
  readonly #open = new Set<ServerConnection>()
  /** Told why, and about to be closed. */
  readonly #refused = new Set<ServerConnection>()
  /** Connections that have not said yet what they speak. */
  readonly #unknown = new Set<Detector>()
  #draining = false
  #partsWhenIdle = false
  #whenEmpty: (() => void) | undefined

  constructor(options: RpcServerOptions) {
    this.#options = options
    const limits = { ...callLimits, ...options.limits }
    this.#host = {
      options,
      limits,
      counts: this.#counts,
      pace: new Pace(),
      hello: this.#helloOf(options.service),
      fault: (fault) => options.onFault?.(fault),
      idle: (connection) => {
        if (this.#partsWhenIdle) connection.part()
      },
      gone: (connection) => {
        this.#counts.closed++
        this.#open.delete(connection)
        this.#refused.delete(connection)
        if (this.#open.size === 0) this.#whenEmpty?.()
      },
    }
  }

  #helloOf(service: string): Uint8Array {
    const { idempotent = [], limits, worker } = this.#options
    return encode(
      serverHello({
        idempotent,
        limits: { ...callLimits, ...limits },
        service,
        worker: { ...worker, pid: processId },
      }),
    )
  }

  /** Says another name to connections that open from now on. */
  rename(service: string): void {
    this.#host.hello = this.#helloOf(service)
  }

  get connections(): number {
    return this.#open.size + this.#unknown.size
  }

  figures(): ServerFigures {
    const { accepted, aborted, closed, receivedBytes, requests, responses, running, sentBytes } = this.#counts
    return {
      connections: this.connections,
      accepted,
      closed,
      aborted,
      requests,
      responses,
      receivedBytes,
      sentBytes,
      concurrency: running,
    }
  }

  accept(duplex: Duplex): void {
    this.#counts.accepted++
    const refusal = this.#refusal(duplex)
    if (refusal !== undefined && this.#refused.size >= refusedMax) {
      this.#counts.closed++
      return duplex.destroy()
    }
    if (refusal === undefined) {
      if (this.#options.legacy === true && duplex.peer === undefined) this.#detect(duplex)
      else this.#take(duplex)
      return
    }
    const connection = new ServerConnection(this.#host, duplex)
    this.#refused.add(connection)
    this.#options.onFault?.({ kind: "refused", remote: duplex.remote, error: refusal })
    connection.refuse(refusal)
  }

  #take(duplex: Duplex): ServerConnection {
    const connection = new ServerConnection(this.#host, duplex)
    this.#open.add(connection)
    // It was in the kernel's queue when the others were told.
    if (this.#draining) connection.goAway(shutDown)
    return connection
  }

  /** Waits for the bytes that tell whether this is a client of the predecessor. */
  #detect(duplex: Duplex): void {
    const detector = new Detector(duplex, {
      helloMs: this.#host.limits.helloMs,
      found: (what) => {
        this.#unknown.delete(detector)
        this.#greet(duplex, what)
      },
      gone: () => {
        this.#counts.closed++
        this.#unknown.delete(detector)
      },
    })
    this.#unknown.add(detector)
  }

  #greet(duplex: Duplex, { bytes, dialect, isLate }: Detected): void {
    const { fault, limits } = this.#host
    if (dialect === undefined) {
      const connection = this.#take(duplex)
      if (isLate) connection.refuse(protocolError(`No HELLO within ${limits.helloMs} ms`, "deadline_exceeded"))
      else connection.link.take(bytes)
      return
    }
    const onFault = (error: RpcError) => fault({ kind: "protocol", remote: duplex.remote, error })
    const legacy = new LegacyDuplex(duplex, { dialect, limits, onFault })
    this.#take(legacy)
    legacy.greet()
    legacy.take(bytes)
  }

  #refusal(duplex: Duplex): RpcError | undefined {
    const { connections } = this.#host.limits
    if (this.connections < connections) return this.#options.accept?.(duplex)
    this.#counts.aborted++
    return notRun("resource_exhausted", `More than ${connections} connections at once`)
  }

  openCalls(): ReadonlyArray<OpenCall> {
    const time = now()
    return [...this.#open].flatMap((connection) =>
      Array.from(connection.running, (call) => ({
        method: call.method,
        ageMs: time - call.arrivedAt,
        remote: connection.remote,
      })),
    )
  }

  /** GOAWAY to every connection, finish what runs, then close; what still runs after `timeoutMs` is cut off. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    for (const detector of this.#unknown) detector.giveUp()
    if (this.#open.size === 0) return
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    for (const connection of this.#open) connection.goAway(shutDown)
    const leave = setTimeout(() => this.#partIdle(), Math.min(leaveMs, timeoutMs / 2))
    const cut = setTimeout(() => this.#cut(timeoutMs), timeoutMs)
    await empty
    clearTimeout(leave)
    clearTimeout(cut)
  }

  #partIdle(): void {
    this.#partsWhenIdle = true
    for (const connection of this.#open) if (connection.isDone) connection.part()
  }

  #cut(timeoutMs: number): void {
    for (const connection of this.#open)
      connection.cut(`The server shut down after waiting ${timeoutMs} ms for the call`)
  }
}
