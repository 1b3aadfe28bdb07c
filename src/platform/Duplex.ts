/** Who the verified certificate of the other side names. `serial`: lower-case hex, no leading zero. */
export interface Identity {
  readonly commonName: string
  readonly serial: string
}

/** PEM texts. */
export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

export interface DuplexHandler {
  data(chunk: Uint8Array): void
  drain(): void
  /** Once, and last, and never from within a method of the Duplex. `undefined`: the peer ended in good order. */
  close(error: Error | undefined): void
}

/** A connection of bytes. Nothing is read before `handle` is called. */
export interface Duplex {
  /** `ip:port`, or `unix`. */
  readonly remote: string
  readonly peer: Identity | undefined
  /** false: the peer is slow, wait for `drain`. Never throws; does nothing after the close. `bytes` belong to it now. */
  write(bytes: Uint8Array): boolean
  /** Closes after what was written has left. */
  end(): void
  destroy(): void
  pause(): void
  resume(): void
  /** A later call puts another handler in the place of the first. */
  handle(handler: DuplexHandler): void
}

export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

export interface DialOptions {
  readonly to: Address
  /** `expectedName`: the common name that the other side's certificate must have, in place of its host name. */
  readonly tls?: (TlsMaterial & { readonly expectedName?: string }) | undefined
  /** For the connection and the TLS handshake together. */
  readonly timeoutMs: number
}

export interface Listener {
  /** 0 for a unix socket. */
  readonly port: number
  /** Stops accepting; open connections go on. */
  close(): Promise<void>
}

export interface ListenOptions {
  /** `fd`: a socket that was inherited in listening state. */
  readonly on: Address | { readonly fd: number }
  /** Every client must then present a certificate of `ca`. */
  readonly tls?: TlsMaterial | undefined
  readonly backlog?: number
  onConnection(duplex: Duplex): void
}

/** How an address is called in a message. */
export const addressText = (to: Address): string => ("path" in to ? to.path : `${to.host}:${to.port}`)
