import { Data, Effect, Fiber, type Scope } from "effect"
import { type NotifySocket, takeNotifySocket } from "../../platform/NotifySocket.ts"
import { kernelMicroseconds } from "../../platform/Upgrade.ts"
import { oneLine } from "../OneLine.ts"

class NoticeFailed extends Data.TaggedError("NoticeFailed")<{ readonly message: string }> {}

/** What systemd is told of a role. Nobody is told when nobody asked. Until it is ready, it asks for more time. */
export interface Notice {
  /** The role listens. From now on, until `scope` of the notice ends, its watchdog is kept quiet. */
  readonly ready: (status: string) => Effect.Effect<void>
  readonly stopping: Effect.Effect<void>
  /** Another program takes over in this process, and will be ready soon. */
  readonly reloading: Effect.Effect<void>
}

const silent: Notice = { ready: () => Effect.void, stopping: Effect.void, reloading: Effect.void }

const retryMs = 100
/** The next program tells nothing until it runs, and on a busy host that takes longer than the span of a watchdog. */
const upgradeMs = 120_000
/**
 * What a start has at each turn of the event loop: it takes long on a busy host, and one that was given up would stop
 * the services that it is about to take over.
 */
const startMs = 120_000
const startEveryMs = 15_000

/** A watchdog's span for now on. */
const spanText = (ms: number | undefined) => (ms === undefined ? "" : `\nWATCHDOG_USEC=${Math.round(ms * 1_000)}`)

/** Its fiber is one of the event loop's: when that is stuck, nothing is sent. */
const watch = Effect.fnUntraced(function* (socket: NotifySocket, everyMs: number) {
  for (;;) {
    // One that could not be sent has a second chance within the span.
    socket.send("WATCHDOG=1")
    yield* Effect.sleep(everyMs)
  }
})

/** The watchdog too: the program before this one may have left it running. */
const askForTime = Effect.fnUntraced(function* (socket: NotifySocket) {
  const beat = socket.watchdogMs === undefined ? "" : "\nWATCHDOG=1"
  for (;;) {
    socket.send(`EXTEND_TIMEOUT_USEC=${startMs * 1_000}${beat}`)
    yield* Effect.sleep(startEveryMs)
  }
})

/**
 * Speaks for the role as long as the scope lasts: make that one longer than the role's own, as systemd expects to hear
 * of it while it drains too.
 */
export const noticeBy = Effect.fnUntraced(function* (socket: NotifySocket) {
  const scope = yield* Effect.scope
  const { watchdogMs } = socket
  const asking = yield* Effect.forkIn(askForTime(socket), scope)
  const ready = Effect.fnUntraced(function* (status: string) {
    yield* Fiber.interrupt(asking)
    // The program before this one may have made the span longer.
    const text = `READY=1\nSTATUS=${oneLine(status)}${spanText(watchdogMs)}`
    let sent = socket.send(text)
    while (sent === "full") {
      yield* Effect.sleep(retryMs)
      sent = socket.send(text)
    }
    if (sent !== "sent") {
      yield* Effect.logWarning(`nobody could be told at NOTIFY_SOCKET ${socket.name} that it is ready (errno ${sent})`)
    }
    if (watchdogMs !== undefined) yield* Effect.forkIn(watch(socket, watchdogMs / 2), scope)
  })
  return {
    ready,
    stopping: Effect.map(
      Fiber.interrupt(asking),
      () => void socket.send("STOPPING=1\nSTATUS=stopping, lets open calls finish"),
    ),
    reloading: Effect.map(Effect.promise(kernelMicroseconds), (now) => {
      const span = watchdogMs === undefined ? undefined : Math.max(watchdogMs, upgradeMs)
      socket.send(`RELOADING=1\nMONOTONIC_USEC=${now}\nSTATUS=upgrading${spanText(span)}`)
    }),
  } satisfies Notice
})

/** The notice to the socket that NOTIFY_SOCKET names. */
export const makeNotice: Effect.Effect<Notice, never, Scope.Scope> = Effect.gen(function* () {
  const socket = yield* Effect.tryPromise({
    try: takeNotifySocket,
    catch: (cause) => new NoticeFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
  })
  return socket === undefined ? silent : yield* noticeBy(socket)
}).pipe(Effect.catch((error) => Effect.as(Effect.logWarning(`${error.message}; systemd is told nothing`), silent)))
