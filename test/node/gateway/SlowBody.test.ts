import { connect } from "node:net"
import { expect, setDefaultTimeout, test } from "bun:test"
import { waitFor } from "../../support/waitFor.ts"
import { TestGateway } from "./TestGateway.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const head = (headers: string) =>
  `POST /rpc/shop/echo HTTP/1.1\r\nhost: 127.0.0.1\r\nmuster-timeout: 10m\r\n${headers}\r\n\r\n`

for (const [how, headers, drop] of [
  ["of a known length", "content-length: 1000", " "],
  ["in chunks", "transfer-encoding: chunked", "1\r\n \r\n"],
] as const)
  test(`a body ${how} that comes in drops is not waited for, however long the call may take`, async () => {
    await using gateway = await TestGateway.start({ echo: ([value]) => value })
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1")
    let answer = ""
    socket.on("data", (bytes) => void (answer += String(bytes)))
    socket.on("error", () => undefined)
    socket.write(head(headers))
    const drops = setInterval(() => socket.write(drop), 500)
    try {
      await waitFor(() => answer.includes("the body did not come within 10 s"), {
        timeoutMs: 20_000,
        what: "a refusal",
      })
      expect(answer).toStartWith("HTTP/1.1 408 ")
      expect((await gateway.post("/rpc/shop/echo", "[1]")).body).toBe(1)
    } finally {
      clearInterval(drops)
      socket.destroy()
    }
  })
