import { afterEach, expect, test } from "bun:test"
import { connect, createServer, type Server } from "node:net"
import { assertPortFree, boundPort, closeFd, ListenFailed, openSlot, steer } from "../../src/platform/ListenSocket.ts"
import { waitFor } from "../support/waitFor.ts"

const open = new Set<number>()
const slot = async (ip: string, port = 0) => {
  const fd = await openSlot({ ip, port, backlog: 16 })
  open.add(fd)
  return fd
}
afterEach(async () => {
  for (const fd of open) await closeFd(fd)
  open.clear()
})

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof ListenFailed ? error : undefined),
  )

const listening = (host: string) =>
  new Promise<{ server: Server; port: number }>((resolve) => {
    const server = createServer().listen({ host, port: 0 }, () => {
      const address = server.address()
      resolve({ server, port: typeof address === "object" && address !== null ? address.port : 0 })
    })
  })

const reaches = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

for (const ip of ["127.0.0.1", "127.1.1.100", "::1"]) {
  test(`slot sockets share a port on ${ip}, and connections wait in their queues`, async () => {
    const first = await slot(ip)
    const port = await boundPort(first)
    await slot(ip, port)
    expect(await reaches(ip, port)).toBe(true)
  })
}

test("a closed slot socket refuses connections", async () => {
  const fd = await openSlot({ ip: "127.0.0.1", port: 0, backlog: 16 })
  const port = await boundPort(fd)
  await closeFd(fd)
  expect(await reaches("127.0.0.1", port)).toBe(false)
})

test("a port that another program listens on is refused with its address, its pid and its command", async () => {
  const { port, server } = await listening("127.0.0.1")
  const error = await failure(openSlot({ ip: "127.0.0.1", port, backlog: 16 }))
  server.close()
  expect(error?.code).toBe("EADDRINUSE")
  expect(error?.message).toStartWith(`127.0.0.1:${port} is in use by pid ${process.pid} (`)
})

test("an address is also in use when somebody listens on all addresses", async () => {
  const { port, server } = await listening("0.0.0.0")
  const error = await failure(openSlot({ ip: "127.0.0.1", port, backlog: 16 }))
  server.close()
  expect(error?.message).toContain(`by pid ${process.pid} (`)
})

test("an IPv6 port in use names its holder too", async () => {
  const { port, server } = await listening("::1")
  const error = await failure(openSlot({ ip: "::1", port, backlog: 16 }))
  server.close()
  expect(error?.message).toStartWith(`[::1]:${port} is in use by pid ${process.pid} (`)
})

test("a port with slot sockets on it is not free for a second agent, though the kernel would share it", async () => {
  const port = await boundPort(await slot("127.0.0.1"))
  expect((await failure(assertPortFree({ ip: "127.0.0.1", port })))?.code).toBe("EADDRINUSE")
})

test("an address that this host does not have is named", async () => {
  const error = await failure(openSlot({ ip: "192.0.2.1", port: 4000, backlog: 16 }))
  expect(error?.message).toBe("192.0.2.1:4000 is not an address of this host")
})

test("steered connections reach only the sockets that are named", async () => {
  const fds = [await slot("127.0.0.1")]
  const port = await boundPort(fds[0] ?? 0)
  fds.push(await slot("127.0.0.1", port), await slot("127.0.0.1", port))
  expect(await steer(fds[0] ?? 0, [1])).toBe(true)
  let accepted = 0
  const server = createServer((socket) => {
    accepted += 1
    socket.destroy()
  }).listen({ fd: fds[1] ?? 0 })
  for (let nth = 0; nth < 30; nth++) expect(await reaches("127.0.0.1", port)).toBe(true)
  await waitFor(() => accepted === 30)
  expect(await steer(fds[0] ?? 0, undefined)).toBe(true)
  open.delete(fds[1] ?? 0)
  server.close()
})
