import type { Duplex } from "../platform/Transport.ts"
import { callLimits } from "../protocol/Limits.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "./Deadlines.ts"
import type { RpcServerOptions } from "./Handler.ts"
import { ServerConnection, type ServerHost } from "./ServerConnection.ts"

export {
  type CallGuard,
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

// A client that doesn't leave by itself when told is left after this.
const leaveMs = 1_000

/** Answers muster/1 on the connections it is given. One for all connections of a worker. */
export class RpcServer {
  /** Calls that a handler has answered, in any way. */
  get served(): number {
    return this.#host.served
  }

  readonly #options: RpcServerOptions
  readonly #host: ServerHost
  readonly #open = new Set<ServerConnection>()
  #draining = false
  #partsWhenIdle = false
  #whenEmpty: (() => void) | undefined

  constructor(options: RpcServerOptions) {
    this.#options = options
    this.#host = {
      options,
      limits: { ...callLimits, ...options.limits },
      served: 0,
      fault: (fault) => options.onFault?.(fault),
      idle: (connection) => {
        if (this.#partsWhenIdle) connection.part()
      },
      gone: (connection) => {
        this.#open.delete(connection)
        if (this.#open.size === 0) this.#whenEmpty?.()
      },
    }
  }

  get connections(): number {
    return this.#open.size
  }

  accept(duplex: Duplex): void {
    const connection = new ServerConnection(this.#host, duplex)
    this.#open.add(connection)
    const refusal = this.#draining
      ? new RpcError("unavailable", "The server is shutting down", { executed: "no" })
      : this.#options.accept?.(duplex)
    if (refusal === undefined) return
    this.#options.onFault?.({ kind: "refused", remote: duplex.remote, error: refusal })
    connection.refuse(refusal)
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
    if (this.#open.size === 0) return
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    for (const connection of this.#open) connection.goAway("The server is shutting down")
    const leave = setTimeout(() => this.#partIdle(), Math.min(leaveMs, timeoutMs / 2))
    const cut = setTimeout(() => this.#cut(timeoutMs), timeoutMs)
    await empty
    clearTimeout(leave)
    clearTimeout(cut)
  }

  #partIdle(): void {
    this.#partsWhenIdle = true
    for (const connection of this.#open) if (connection.running.size === 0) connection.part()
  }

  #cut(timeoutMs: number): void {
    for (const connection of this.#open)
      connection.cut(`The server shut down after waiting ${timeoutMs} ms for the call`)
  }
}
