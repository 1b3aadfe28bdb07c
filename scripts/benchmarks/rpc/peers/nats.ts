import { spawn } from "node:child_process"
import { connect as dial } from "node:net"
import process from "node:process"
import { freePort, hello, loadPackage, type Peer } from "./Peer.ts"

// As much of the package's types as is used here.
interface Message {
  respond(data: string): boolean
  json<A>(): A
}
interface Connection {
  subscribe(subject: string, options: { callback(error: Error | null, message: Message): void }): unknown
  request(subject: string, data: string, options: { timeout: number }): Promise<Message>
  flush(): Promise<void>
  close(): Promise<void>
}
interface Nats {
  connect(options: { servers: string }): Promise<Connection>
}

const subject = "Greeter.hello"

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = dial(port, "127.0.0.1")
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.unref()
  })

/** The broker itself, on the core of the service that it is between. */
const startBroker = async () => {
  const port = await freePort()
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` }
  const broker = spawn("nats-server", ["-a", "127.0.0.1", "-p", String(port)], { stdio: "ignore", env })
  process.on("exit", () => broker.kill())
  broker.once("error", (error) => {
    throw new Error(`nats-server can't be started: ${error.message}`)
  })
  while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 20))
  return port
}

const join = async (port: number) => {
  const { connect } = loadPackage<Nats>("@nats-io/transport-node")
  return await connect({ servers: `127.0.0.1:${port}` })
}

/** Request and reply over a broker, with JSON. */
export const peer: Peer = {
  serve: async () => {
    const port = await startBroker()
    const connection = await join(port)
    const callback = (_error: Error | null, message: Message) => {
      const [name] = message.json<[string]>()
      message.respond(JSON.stringify(hello(name)))
    }
    connection.subscribe(subject, { callback })
    await connection.flush()
    return port
  },
  dial: async ({ port }) => {
    const connection = await join(port)
    const call = async () => {
      const answer = await connection.request(subject, JSON.stringify(["world"]), { timeout: 5_000 })
      return answer.json<string>()
    }
    return { call, close: () => void connection.close() }
  },
}
