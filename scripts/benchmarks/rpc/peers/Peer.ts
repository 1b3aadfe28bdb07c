import { createRequire } from "node:module"
import { createServer, type AddressInfo } from "node:net"

/** The same answer behind every protocol that is compared. */
export const hello = (name: unknown): string => `hello ${String(name)}`

/** Where a server answers. */
export interface Target {
  readonly host: string
  readonly port: number
  /** The folder of key.pem, cert.pem and ca.pem, where mutual TLS is spoken. */
  readonly certificates?: string
}

/** Each call of `call` is one call to the server. */
export interface Dialled {
  call(): Promise<unknown>
  close(): void
}

/** One protocol: its server, where this program has to bring it, and a client that calls it over and over. */
export interface Peer {
  /** Answers on 127.0.0.1, at the port it gives. */
  readonly serve?: () => Promise<number>
  /** Opens what `width` callers at once need. */
  dial(target: Target, width: number): Promise<Dialled>
}

/** A package of scripts/benchmarks/package.json, which the project itself doesn't know. */
export const loadPackage = <A>(name: string): A => createRequire(import.meta.url)(name) as A

const givenPorts = new Set<number>()

/** A port of 127.0.0.1 that nobody listened on a moment ago, and that was not given before: the system may repeat itself. */
export const freePort = async (): Promise<number> => {
  const port = await new Promise<number>((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
  if (givenPorts.has(port)) return await freePort()
  givenPorts.add(port)
  return port
}
