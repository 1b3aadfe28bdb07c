import { freePort, hello, loadPackage, type Peer } from "./Peer.ts"

// As much of the package's types as is used here.
interface Broker {
  createService(schema: object): unknown
  start(): Promise<void>
  stop(): Promise<void>
  waitForServices(names: string, timeoutMs: number): Promise<unknown>
  call(action: string, params: object): Promise<unknown>
}
interface Moleculer {
  readonly ServiceBroker: new (options: object) => Broker
}

/** Both know where the server is, so that nothing has to be found by UDP. */
const brokerOf = (nodeID: string, serverPort: number, ownPort: number) => {
  const { ServiceBroker } = loadPackage<Moleculer>("moleculer")
  return new ServiceBroker({
    namespace: "bench",
    nodeID,
    hostname: "127.0.0.1",
    logger: false,
    requestTimeout: 5_000,
    transporter: {
      type: "TCP",
      options: {
        udpDiscovery: false,
        useHostname: false,
        port: ownPort,
        urls: `tcp://127.0.0.1:${serverPort}/server`,
      },
    },
  })
}

let joined: Promise<Broker> | undefined

/** One client for all that this process does: a node that leaves and one that joins are the same port's for a while. */
const join = async (port: number) => {
  const broker = brokerOf("client", port, await freePort())
  await broker.start()
  await broker.waitForServices("greeter", 10_000)
  return broker
}

/** Its own TCP transporter with JSON, which is its default. */
export const peer: Peer = {
  serve: async () => {
    const port = await freePort()
    const broker = brokerOf("server", port, port)
    const actions = { hello: ({ params }: { params: { name: string } }) => hello(params.name) }
    broker.createService({ name: "greeter", actions })
    await broker.start()
    return port
  },
  dial: async ({ port }) => {
    const broker = await (joined ??= join(port))
    return { call: () => broker.call("greeter.hello", { name: "world" }), close: () => undefined }
  },
}
