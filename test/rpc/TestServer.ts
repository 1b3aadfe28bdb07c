import { expect } from "bun:test"
import { RpcError } from "../../src/protocol/RpcError.ts"
import { listen, type Listener, type TlsMaterial } from "../../src/platform/Transport.ts"
import { RpcConnection, type OpenOptions } from "../../src/rpc/RpcConnection.ts"
import {
  methodsOf,
  RpcServer,
  type Handler,
  type RpcFault,
  type RpcServerOptions,
  type ServerCall,
  type ServerMethod,
} from "../../src/rpc/RpcServer.ts"

export interface TestServer {
  readonly server: RpcServer
  readonly port: number
  readonly faults: Array<RpcFault>
  connect(options?: Partial<OpenOptions>): Promise<RpcConnection>
  close(): Promise<void>
}

type Options = Partial<Omit<RpcServerOptions, "methods" | "onFault">> & {
  readonly tls?: TlsMaterial
  /** Methods with limits and meters of their own. */
  readonly table?: ReadonlyArray<ServerMethod>
}

/** A server with these methods on a free port of loopback. */
export const startServer = async (methods: Readonly<Record<string, Handler>>, options: Options = {}) => {
  const faults: Array<RpcFault> = []
  const { table = [], tls, ...rest } = options
  const plain = methodsOf(methods)
  const server = new RpcServer({
    service: "test",
    worker: { id: 0, count: 1 },
    ...rest,
    methods: (name) => table.find((method) => method.name === name) ?? plain(name),
    onFault: (fault) => void faults.push(fault),
  })
  const at: Listener = await listen({
    on: { host: "127.0.0.1", port: 0 },
    tls,
    onConnection: (duplex) => server.accept(duplex),
  })
  const started: TestServer = {
    server,
    port: at.port,
    faults,
    connect: (more) => RpcConnection.open({ to: { host: "127.0.0.1", port: at.port }, client: "test", ...more }),
    close: async () => {
      await at.close()
      await server.drain(0)
    },
  }
  return started
}

/** What a call failed with. */
export const failure = async (call: Promise<unknown>): Promise<RpcError> => {
  try {
    await call
  } catch (error) {
    expect(error).toBeInstanceOf(RpcError)
    return error as RpcError
  }
  throw new Error("the call succeeded")
}

/** A handler that waits to be let go, and says who waits. */
export const gate = () => {
  const waiting: Array<{ call: ServerCall; go: (value: unknown) => void }> = []
  const handler: Handler = (_args, call) => new Promise((go) => waiting.push({ call, go }))
  return { waiting, handler }
}
