import { pid } from "node:process"
import * as bunSockets from "./BunSockets.ts"
import type { DialOptions, Duplex, Listener, ListenOptions } from "./Duplex.ts"

export type { Address, Duplex, DuplexHandler, Identity, Listener, TlsMaterial } from "./Duplex.ts"

/** What a server says of itself in HELLO. */
export const processId: number = pid

/** Bun's own sockets are there at once; `node:net` and `node:tls` take 8 ms of a worker's start to load. */
const isNative = ({ tls }: { readonly tls?: unknown }) => "Bun" in globalThis && tls === undefined

/** Connects; rejects with the reason, also when the certificate is not of the expected name. */
export const dial = async (options: DialOptions): Promise<Duplex> => {
  const sockets = isNative(options) ? bunSockets : await import("./NodeSockets.ts")
  return sockets.dial(options)
}

/** Accepts connections; with TLS only those whose certificate the CA has signed reach `onConnection`. */
export const listen = async (options: ListenOptions): Promise<Listener> => {
  const sockets = isNative(options) ? bunSockets : await import("./NodeSockets.ts")
  return sockets.listen(options)
}
