import { expect, test } from "bun:test"
import { once } from "node:events"
import * as net from "node:net"
import { dial } from "../../src/platform/Transport.ts"
import { FrameType } from "../../src/protocol/Frame.ts"
import { Outbox } from "../../src/rpc/Outbox.ts"

test("what has been sent takes no memory, also on a connection that is never quite done", async () => {
  let receivedBytes = 0
  const reader = net.createServer((socket) =>
    socket.on("data", ({ length }) => {
      receivedBytes += length
      // Slower than it is written to.
      socket.pause()
      setTimeout(() => socket.resume(), 1)
    }),
  )
  await once(reader.listen(0, "127.0.0.1"), "listening")
  const { port } = reader.address() as net.AddressInfo
  const duplex = await dial({ to: { host: "127.0.0.1", port }, timeoutMs: 5_000 })
  const traffic = { receivedBytes: 0, sentBytes: 0 }
  const out = new Outbox(duplex, { frameLimit: 1024 * 1024, traffic }, () => undefined)
  const item = new Uint8Array(100_000)
  let held = 0
  const fill = () => {
    while (out.queuedBytes < 2_000_000) {
      const writer = out.begin(FrameType.item, 0, 1)
      writer.raw(item)
      out.commit()
      held = Math.max(held, writer.bytes.length)
    }
  }
  await new Promise<void>((resolve) => {
    duplex.handle({
      data: () => undefined,
      drain: () => {
        out.drained()
        if (traffic.sentBytes > 40_000_000) resolve()
        else fill()
      },
      close: () => undefined,
    })
    fill()
  })
  expect(held).toBeLessThan(8_000_000)
  const closed = once(reader, "close")
  out.flushAll()
  duplex.end()
  reader.close()
  await closed
  // Nothing was lost or sent twice.
  expect(receivedBytes).toBe(traffic.sentBytes)
  expect(receivedBytes % 100_012).toBe(0)
})
