import type { Address, Duplex, Identity, TlsMaterial } from "../platform/Transport.ts"
import type { Limits } from "../protocol/Limits.ts"
import { RpcError } from "../protocol/RpcError.ts"

export interface OpenOptions {
  readonly to: Address
  readonly tls?: (TlsMaterial & { readonly expectedName?: string }) | undefined
  /** How this side calls itself in HELLO. */
  readonly client: string
  /** Refuse a server that says it is another service. */
  readonly service?: string | undefined
  /** For connecting, TLS and HELLO together. */
  readonly handshakeTimeoutMs?: number
  readonly limits?: Partial<Limits>
}

export interface ServerHello {
  readonly service: string
  readonly worker: { readonly id: number; readonly count: number; readonly pid: number }
  readonly version: number
}

export interface CallOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly meta?: Readonly<Record<string, unknown>> | undefined
}

export type ConnectionState = "open" | "draining" | "closed"

/** The client's end of a muster/1 connection: many calls at once, answered in any order. */
export class RpcConnection {
  readonly hello: ServerHello
  readonly remote: string
  readonly peer: Identity | undefined

  private constructor(duplex: Duplex, hello: ServerHello) {
    this.hello = hello
    this.remote = duplex.remote
    this.peer = duplex.peer
  }

  /** Rejects with an RpcError: `unavailable` when nobody answers, `failed_precondition` for another service. */
  static open(_options: OpenOptions): Promise<RpcConnection> {
    return Promise.reject(new RpcError("unavailable", "not connected", { executed: "no" }))
  }

  /** Rejects with an RpcError. */
  call(_method: string, _args: ReadonlyArray<unknown>, _options: CallOptions): Promise<unknown> {
    return Promise.reject(new RpcError("unavailable", "not connected", { executed: "no" }))
  }

  get inFlight(): number {
    return 0
  }

  /** `draining`: the server sent GOAWAY; open calls finish, new ones are refused. */
  get state(): ConnectionState {
    return "closed"
  }

  /** Tells every later change of the state; returns what takes the listener away. */
  onState(_listener: (state: ConnectionState) => void): () => void {
    return () => {}
  }

  close(): void {}
}
