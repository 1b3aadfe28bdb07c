import { expect, test } from "bun:test"
import { Effect, Exit, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Notice, noticeBy } from "../../../src/cli/systemd/Notice.ts"
import { takeNotifySocket } from "../../../src/platform/NotifySocket.ts"
import { Notifications } from "../../support/notifications.ts"

type Told = {
  readonly notifications: Notifications
  readonly notice: Notice
  /** Ends the role. */
  readonly end: Effect.Effect<void>
}

const told = async (watchdog: string | undefined, check: (told: Told) => Effect.Effect<void>) => {
  using notifications = new Notifications()
  process.env["NOTIFY_SOCKET"] = notifications.name
  if (watchdog !== undefined) process.env["WATCHDOG_USEC"] = watchdog
  const socket = await takeNotifySocket()
  if (socket === undefined) throw new Error("no socket")
  const program = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const notice = yield* noticeBy(socket).pipe(Scope.provide(scope))
    yield* check({ notifications, notice, end: Scope.close(scope, Exit.void) })
  })
  await Effect.runPromise(program.pipe(Effect.provide([TestClock.layer(), Logger.layer([])])))
}

const asksForTime = "EXTEND_TIMEOUT_USEC=120000000"
const beats = ({ notifications }: Told) => notifications.count("WATCHDOG=1") - notifications.count(asksForTime)
/** Without what was told before it was ready. */
const toldOf = ({ notifications }: Told) => notifications.told.filter((text) => !text.startsWith(asksForTime))

test("a start asks for more time at each quarter of a minute, until it is ready or stops", async () => {
  await told("30000000", (all) =>
    Effect.gen(function* () {
      const { notice, notifications } = all
      yield* TestClock.adjust("1 millis")
      expect(notifications.told).toEqual([`${asksForTime}\nWATCHDOG=1`])
      yield* TestClock.adjust("2 minutes")
      expect(notifications.count(asksForTime)).toBe(9)
      yield* notice.ready("agent on 127.0.0.1:8821")
      yield* TestClock.adjust("1 hour")
      expect(notifications.count(asksForTime)).toBe(9)
    }),
  )
  await told(undefined, ({ notice, notifications }) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("15001 millis")
      yield* notice.stopping
      yield* TestClock.adjust("1 hour")
      expect(notifications.told).toEqual([
        asksForTime,
        asksForTime,
        "STOPPING=1\nSTATUS=stopping, lets open calls finish",
      ])
    }),
  )
})

test("WATCHDOG=1 is told twice in its span, from READY=1 on, and not after the end of the role", async () => {
  await told("30000000", (all) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      expect(toldOf(all)).toEqual([])
      yield* all.notice.ready("page on http://127.0.0.1:8800")
      yield* TestClock.adjust("1 millis")
      expect(toldOf(all)).toEqual([
        "READY=1\nSTATUS=page on http://127.0.0.1:8800\nWATCHDOG_USEC=30000000",
        "WATCHDOG=1",
      ])
      yield* TestClock.adjust("14 seconds")
      expect(beats(all)).toBe(1)
      yield* TestClock.adjust("1 seconds")
      expect(beats(all)).toBe(2)
      for (let minutes = 0; minutes < 10; minutes++) {
        yield* TestClock.adjust("1 minutes")
        expect(beats(all)).toBe(2 + 4 * (minutes + 1))
      }
      // While it drains, systemd still expects to hear of it.
      yield* all.notice.stopping
      expect(all.notifications.count("STOPPING=1")).toBe(1)
      yield* TestClock.adjust("15 seconds")
      expect(beats(all)).toBe(43)
      yield* all.end
      yield* TestClock.adjust("1 hour")
      expect(beats(all)).toBe(43)
    }),
  )
})

test("an upgrade has a longer watchdog until the next program is ready, as that says nothing before", async () => {
  await told("30000000", ({ notice, notifications }) =>
    Effect.gen(function* () {
      yield* notice.reloading
      expect(notifications.count("RELOADING=1")).toBe(1)
      expect(notifications.count("WATCHDOG_USEC=120000000")).toBe(1)
      yield* notice.ready("agent on 127.0.0.1:8821")
      expect(notifications.count("WATCHDOG_USEC=30000000")).toBe(1)
    }),
  )
})

test("without a watchdog nothing but READY=1 and STOPPING=1 is told, each with a status of one line", async () => {
  await told(undefined, ({ notice, notifications }) =>
    Effect.gen(function* () {
      yield* notice.ready("agent on\n 127.0.0.1:8821")
      yield* TestClock.adjust("1 hour")
      yield* notice.stopping
      expect(notifications.told).toEqual([
        "READY=1\nSTATUS=agent on 127.0.0.1:8821",
        "STOPPING=1\nSTATUS=stopping, lets open calls finish",
      ])
    }),
  )
})

test("READY=1 is told again until the socket has room for it", async () => {
  await told("30000000", (all) =>
    Effect.gen(function* () {
      // Nobody reads: the watchdog fills the queue.
      yield* all.notice.ready("first")
      yield* TestClock.adjust("3 days")
      const second = yield* Effect.forkChild(all.notice.ready("second"))
      yield* TestClock.adjust("1 seconds")
      expect(second.pollUnsafe()).toBeUndefined()
      expect(all.notifications.count("STATUS=second")).toBe(0)
      yield* TestClock.adjust("1 seconds")
      expect(all.notifications.count("STATUS=second")).toBe(1)
      yield* all.end
    }),
  )
})
