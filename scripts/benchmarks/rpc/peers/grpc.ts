import { hello, loadPackage, type Peer } from "./Peer.ts"

// As much of the package's types as is used here.
interface Call {
  readonly request: string
}
type Answer = (error: Error | null, value?: string) => void
interface Client {
  makeUnaryRequest(
    path: string,
    encode: Codec["encode"],
    decode: Codec["decode"],
    ...rest: ReadonlyArray<unknown>
  ): void
  waitForReady(deadline: number, done: (error?: Error) => void): void
  close(): void
}
interface Grpc {
  readonly Server: new () => {
    addService(definition: object, handlers: object): void
    bindAsync(address: string, credentials: unknown, done: (error: Error | null, port: number) => void): void
  }
  readonly Client: new (address: string, credentials: unknown) => Client
  readonly ServerCredentials: { createInsecure(): unknown }
  readonly credentials: { createInsecure(): unknown }
}
interface Codec {
  encode(text: string): Buffer
  decode(bytes: Buffer): string
}

const path = "/bench.Greeter/Hello"

/** Protobuf of `message { string text = 1; }` below 128 bytes, by hand: cheaper than any generated code. */
const codec: Codec = {
  encode: (text) => {
    const body = Buffer.from(text)
    return Buffer.concat([Buffer.of(0x0a, body.length), body])
  },
  decode: (bytes) => bytes.toString("utf8", 2),
}

export const peer: Peer = {
  serve: () =>
    new Promise((resolve, reject) => {
      const { Server, ServerCredentials } = loadPackage<Grpc>("@grpc/grpc-js")
      const server = new Server()
      const unary = { path, requestStream: false, responseStream: false }
      const coding = {
        requestSerialize: codec.encode,
        requestDeserialize: codec.decode,
        responseSerialize: codec.encode,
        responseDeserialize: codec.decode,
      }
      const Hello = (call: Call, answer: Answer) => answer(null, hello(call.request))
      server.addService({ Hello: { ...unary, ...coding } }, { Hello })
      const bound = (error: Error | null, port: number) => (error === null ? resolve(port) : reject(error))
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound)
    }),
  dial: ({ host, port }) =>
    new Promise((resolve, reject) => {
      const { Client, credentials } = loadPackage<Grpc>("@grpc/grpc-js")
      const client = new Client(`${host}:${port}`, credentials.createInsecure())
      const call = () =>
        new Promise((done, failed) => {
          const answer: Answer = (error, value) => (error === null ? done(value) : failed(error))
          const options = { deadline: Date.now() + 5000 }
          client.makeUnaryRequest(path, codec.encode, codec.decode, "world", options, answer)
        })
      client.waitForReady(Date.now() + 5000, (error) =>
        error === undefined || error === null ? resolve({ call, close: () => client.close() }) : reject(error),
      )
    }),
}
