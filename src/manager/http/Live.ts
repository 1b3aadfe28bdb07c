import { type Cause, Clock, Context, Effect, Fiber, Layer, Queue, Scope, Stream } from "effect"
import type { Language } from "../../../ui/messages/Messages.ts"
import { Changes, type Topic } from "../fleet/Changes.ts"

/** What one page shows live. */
export type View =
  | "dash"
  | "services"
  | "nodes"
  | `service:${string}`
  | `calls:${string}`
  | `tasks:${string}`
  | `care:${string}`
  | "cron"
  | `cron:${string}`

/** A part of a page as it is now. `key` stays the same while its HTML changes. */
export type Fragment = { readonly key: string; readonly html: string }

export type Watching = {
  readonly view: View
  readonly lang: Language
  readonly sessionId: string
  /** Asked at every ping: whether the session still holds. */
  readonly alive: Effect.Effect<boolean>
}

/** Proxies and our own server cut connections that are silent for longer. */
const pingMs = 15_000
/** Changes within this time go out together. */
const coalesceMs = 80

const viewsOf = (topic: Topic): ReadonlyArray<View> => {
  if (topic === "services" || topic === "nodes" || topic === "cron") return [topic, "dash"]
  if (!topic.startsWith("service:")) return [topic]
  const id = topic.slice("service:".length)
  return [topic, `calls:${id}`, `tasks:${id}`, `care:${id}`]
}

type Viewer = {
  /** What it has not been sent yet, the newest of each part: never more than the page has parts. */
  readonly unsent: Map<string, string>
  readonly wake: Queue.Queue<void, Cause.Done>
  readonly sessionId: string
  /** Has had its snapshot. */
  started: boolean
  /** What it shows is there no more. */
  gone: boolean
}

/** All viewers of one view in one language: rendered once for all of them. */
type Channel = {
  readonly viewers: Set<Viewer>
  readonly wake: Queue.Queue<void>
  shown: ReadonlyMap<string, string>
  pump: Fiber.Fiber<void> | undefined
}

const eventText = (html: string) =>
  `${html
    .split("\n")
    .map((line) => `data: ${line}\n`)
    .join("")}\n`
const ping = ": ping\n\n"
const sessionEnded = "event: session-ended\ndata: \n\n"

/** Brings a channel's viewers to `fragments`: who is new gets all of them, the others those that changed. */
const deliver = (channel: Channel, fragments: ReadonlyArray<Fragment>) => {
  const before = channel.shown
  channel.shown = new Map(fragments.map(({ key, html }) => [key, html]))
  for (const viewer of channel.viewers) {
    for (const key of viewer.unsent.keys()) if (!channel.shown.has(key)) viewer.unsent.delete(key)
    for (const [key, html] of channel.shown) {
      if (!viewer.started || before.get(key) !== html) viewer.unsent.set(key, html)
    }
    viewer.started = true
    if (viewer.unsent.size > 0) Queue.offerUnsafe(viewer.wake, undefined)
  }
}

/** Their pages connect again, are told 404, and ask for themselves. */
const endAll = (channel: Channel) => {
  for (const viewer of channel.viewers) {
    viewer.gone = true
    Queue.endUnsafe(viewer.wake)
  }
}

/** The open pages: each gets a snapshot of what it shows, then what changes in it. */
export class Live extends Context.Service<
  Live,
  {
    /** Server-sent events, as text. Ends with the session; pings every 15 s. */
    readonly watch: (watching: Watching) => Stream.Stream<string>
    /** Ends the streams of a session that was logged out. */
    readonly endSession: (sessionId: string) => Effect.Effect<void>
    /** Streams that are open now. */
    readonly viewers: Effect.Effect<number>
  }
>()("muster/manager/http/Live") {
  /**
   * `render` gives all parts of a view in a language, `undefined` when there is no such thing any more; it is called at
   * most once per 80 ms for each.
   */
  static readonly layer = <R>(
    render: (view: View, lang: Language) => Effect.Effect<ReadonlyArray<Fragment> | undefined, never, R>,
  ) =>
    Layer.effect(
      Live,
      Effect.gen(function* () {
        const changes = yield* Changes
        const scope = yield* Scope.Scope
        const context = yield* Effect.context<R>()
        const channels = new Map<string, Channel>()

        const pump = Effect.fn("Live.pump")(function* (watching: Watching, channel: Channel) {
          yield* Queue.take(channel.wake)
          const fragments = yield* Effect.provideContext(render(watching.view, watching.lang), context)
          if (fragments === undefined) endAll(channel)
          else deliver(channel, fragments)
          yield* Effect.sleep(coalesceMs)
        })

        const openChannel = (watching: Watching) =>
          Effect.gen(function* () {
            const key = `${watching.lang} ${watching.view}`
            const known = channels.get(key)
            if (known !== undefined) return { key, channel: known }
            const channel: Channel = {
              viewers: new Set(),
              wake: yield* Queue.sliding<void>(1),
              shown: new Map(),
              pump: undefined,
            }
            channels.set(key, channel)
            const loop = pump(watching, channel).pipe(
              Effect.catchCause((cause) => Effect.logError(`cannot render ${watching.view} for open pages`, cause)),
              Effect.forever,
            )
            channel.pump = yield* Effect.forkIn(loop, scope)
            return { key, channel }
          })

        const join = (watching: Watching) =>
          Effect.gen(function* () {
            const { key, channel } = yield* openChannel(watching)
            const viewer: Viewer = {
              unsent: new Map(),
              wake: yield* Queue.sliding<void, Cause.Done>(1),
              sessionId: watching.sessionId,
              started: false,
              gone: false,
            }
            channel.viewers.add(viewer)
            Queue.offerUnsafe(channel.wake, undefined)
            return { key, channel, viewer }
          })

        const leave = ({ key, channel, viewer }: Effect.Success<ReturnType<typeof join>>) =>
          Effect.suspend(() => {
            channel.viewers.delete(viewer)
            if (channel.viewers.size > 0) return Effect.void
            channels.delete(key)
            return channel.pump === undefined ? Effect.void : Fiber.interrupt(channel.pump)
          })

        /** Sends what there is to send until the viewer's queue ends, or its session has ended. */
        const follow = Effect.fnUntraced(function* (
          watching: Watching,
          viewer: Viewer,
          out: Queue.Queue<string, Cause.Done>,
        ) {
          let checkedAt = yield* Clock.currentTimeMillis
          for (;;) {
            yield* Queue.take(viewer.wake).pipe(Effect.timeoutOption(pingMs))
            const now = yield* Clock.currentTimeMillis
            if (now - checkedAt >= pingMs) {
              checkedAt = now
              if (!(yield* watching.alive)) return
            }
            const html = [...viewer.unsent.values()].join("")
            viewer.unsent.clear()
            // Waits here while the other side is slow; what changes meanwhile collects in `unsent`.
            yield* Queue.offer(out, html === "" ? ping : eventText(html))
          }
        })

        const watch = (watching: Watching): Stream.Stream<string> =>
          Stream.callback<string>(
            (out) =>
              Effect.gen(function* () {
                const { viewer } = yield* Effect.acquireRelease(join(watching), leave)
                yield* Effect.ignore(follow(watching, viewer, out))
                if (!viewer.gone) yield* Queue.offer(out, sessionEnded)
                yield* Queue.end(out)
              }),
            { bufferSize: 1, strategy: "suspend" },
          )

        const allViewers = () => [...channels.values()].flatMap((channel) => [...channel.viewers])

        const wakeUp = (topic: Topic) =>
          Effect.sync(() => {
            for (const view of viewsOf(topic)) {
              for (const [key, channel] of channels) {
                if (key.endsWith(` ${view}`)) Queue.offerUnsafe(channel.wake, undefined)
              }
            }
          })
        yield* changes.stream.pipe(Stream.runForEach(wakeUp), Effect.forkScoped({ startImmediately: true }))

        return Live.of({
          watch,
          endSession: (sessionId) =>
            Effect.forEach(
              allViewers().filter((viewer) => viewer.sessionId === sessionId),
              (viewer) => Queue.end(viewer.wake),
              { discard: true },
            ),
          viewers: Effect.sync(() => allViewers().length),
        })
      }),
    )
}
