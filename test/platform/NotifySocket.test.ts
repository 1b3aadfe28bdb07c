import { afterEach, expect, test } from "bun:test"
import { takeNotifySocket } from "../../src/platform/NotifySocket.ts"
import { Notifications } from "../support/notifications.ts"

const names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
afterEach(() => {
  for (const name of names) delete process.env[name]
})

for (const kind of ["path", "abstract"] as const) {
  test(`a line reaches a datagram socket (${kind})`, async () => {
    using notifications = new Notifications(kind)
    process.env["NOTIFY_SOCKET"] = notifications.name
    const socket = await takeNotifySocket()
    expect(socket?.send("READY=1\nSTATUS=世界")).toBe("sent")
    expect(notifications.told).toEqual(["READY=1\nSTATUS=世界"])
  })
}

test("without NOTIFY_SOCKET there is none", async () => {
  expect(await takeNotifySocket()).toBeUndefined()
})

test("what is meant for this process alone is taken out of its environment", async () => {
  using notifications = new Notifications()
  for (const name of names) process.env[name] = "1"
  process.env["NOTIFY_SOCKET"] = notifications.name
  await takeNotifySocket()
  expect(names.filter((name) => name in process.env)).toEqual([])
})

test("the watchdog is that of this process, and no other's", async () => {
  using notifications = new Notifications()
  const watchdogMs = async (pid: string | undefined, microseconds: string) => {
    process.env["NOTIFY_SOCKET"] = notifications.name
    process.env["WATCHDOG_USEC"] = microseconds
    if (pid !== undefined) process.env["WATCHDOG_PID"] = pid
    return (await takeNotifySocket())?.watchdogMs
  }
  expect(await watchdogMs(`${process.pid}`, "30000000")).toBe(30_000)
  expect(await watchdogMs(undefined, "1500")).toBe(1.5)
  expect(await watchdogMs("1", "30000000")).toBeUndefined()
  for (const microseconds of ["0", "-5", "soon"]) expect(await watchdogMs(undefined, microseconds)).toBeUndefined()
})

test("a socket that nobody reads is full, and blocks nothing", async () => {
  using notifications = new Notifications()
  process.env["NOTIFY_SOCKET"] = notifications.name
  const socket = await takeNotifySocket()
  let sent = 0
  while (sent < 100_000 && socket?.send("WATCHDOG=1") === "sent") sent++
  expect(socket?.send("WATCHDOG=1")).toBe("full")
  expect(notifications.told).toHaveLength(sent)
  expect(socket?.send("WATCHDOG=1")).toBe("sent")
})

test("a socket that is gone is told by its errno", async () => {
  const notifications = new Notifications()
  process.env["NOTIFY_SOCKET"] = notifications.name
  notifications[Symbol.dispose]()
  const enoent = 2
  expect((await takeNotifySocket())?.send("READY=1")).toBe(enoent)
})

test.each(["relative/path", "vsock:2:1234", `/${"x".repeat(120)}`])("the name %s is refused", async (name) => {
  process.env["NOTIFY_SOCKET"] = name
  expect(takeNotifySocket()).rejects.toThrow("expected a path or @name of at most 107 bytes")
})
