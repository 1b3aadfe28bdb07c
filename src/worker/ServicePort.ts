import { type Duplex, listen, type Listener, type TlsMaterial } from "../platform/Transport.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { RpcServer, type RpcServerOptions } from "../rpc/RpcServer.ts"
import type { DrainOptions } from "./Duty.ts"
import type { TrustFile } from "./TrustFile.ts"

export type ServicePortOptions = {
  readonly fd: number
  /** Connections that may wait to be accepted. */
  readonly backlog: number
  readonly tls: TlsMaterial | undefined
  readonly trust: TrustFile | undefined
  readonly server: Omit<RpcServerOptions, "accept">
}

const acceptGraceMs = 150
const helloGraceMs = 100
const succeededGraceMs = 250

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const refusal = (trust: TrustFile | undefined, duplex: Duplex): RpcError | undefined => {
  const { peer } = duplex
  if (peer === undefined || trust?.isRevoked(peer.serial) !== true) return undefined
  return new RpcError("permission_denied", `the certificate of ${peer.commonName} was revoked`, { executed: "no" })
}

/** The worker's side of the service port: accepts on the inherited socket and answers calls by the method table. */
export class ServicePort {
  readonly server: RpcServer
  readonly #options: ServicePortOptions
  readonly #trusted = new Set<Duplex>()
  #listener: Listener | undefined

  constructor(options: ServicePortOptions) {
    this.#options = options
    this.server = new RpcServer({ ...options.server, accept: (duplex) => refusal(options.trust, duplex) })
  }

  async listen(): Promise<void> {
    const { backlog, fd, tls } = this.#options
    this.#listener = await listen({ on: { fd }, backlog, tls, onConnection: (duplex) => this.#accept(duplex) })
  }

  #accept(duplex: Duplex): void {
    if (duplex.peer === undefined) return this.server.accept(duplex)
    this.#trusted.add(duplex)
    this.server.accept({
      remote: duplex.remote,
      peer: duplex.peer,
      write: (bytes) => duplex.write(bytes),
      end: () => duplex.end(),
      destroy: () => duplex.destroy(),
      pause: () => duplex.pause(),
      resume: () => duplex.resume(),
      handle: (handler) =>
        duplex.handle({
          data: (chunk) => handler.data(chunk),
          drain: () => handler.drain(),
          close: (error) => {
            this.#trusted.delete(duplex)
            handler.close(error)
          },
        }),
    })
  }

  /** Ends the connections of certificates that were revoked since they came. */
  dropRevoked(): void {
    for (const duplex of this.#trusted) if (refusal(this.#options.trust, duplex) !== undefined) duplex.destroy()
  }

  /**
   * Returns when the open calls are answered or the time is up. What the kernel has handed to this worker before the
   * agent turned new connections elsewhere is still taken in and greeted: closing at once would reset it. A successor
   * on the same socket takes that in instead, and those that are here already get the time for their first call.
   */
  async drain({ isSucceeded, timeoutMs }: DrainOptions): Promise<void> {
    if (!isSucceeded) await sleep(Math.min(acceptGraceMs, timeoutMs))
    await this.#listener?.close()
    await sleep(Math.min(isSucceeded ? succeededGraceMs : helloGraceMs, timeoutMs))
    await this.server.drain(timeoutMs)
  }
}
