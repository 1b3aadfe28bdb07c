import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Context, Effect, Fiber, Layer, Logger, ManagedRuntime, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Changes } from "../../../src/manager/fleet/Changes.ts"
import { type Fragment, Live, type View } from "../../../src/manager/http/Live.ts"
import { it } from "../../support/effect.ts"
import { waitFor } from "../../support/waitFor.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

/** The open stream of a page, and what came on it. */
const openStream = async (visitor: Visitor, topics: string, headers: Record<string, string> = {}) => {
  const leaving = new AbortController()
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
  const response = await fetch(`${visitor.manager.url}/events?t=${topics}`, {
    headers: { cookie, ...headers },
    signal: leaving.signal,
  })
  const seen = { text: "", ended: false }
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      seen.text += decoder.decode(chunk, { stream: true })
    }
    seen.ended = true
  }
  read().catch(() => (seen.ended = true))
  return { response, seen, leave: () => leaving.abort() }
}

describe("the stream of a page", () => {
  let manager: TestManager
  let admin: Visitor
  let service: { id: string }
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    const endpoints = [{ ip: "127.1.1.100", port: 9501, weight: 100, status: "online" }]
    service = (await api(manager)("POST", "/services", { name: "greeter", endpoints })).body
  })
  afterAll(() => manager.stop())

  test("begins with a snapshot, and is neither stored nor buffered on its way", async () => {
    const { response, seen, leave } = await openStream(admin, "services")
    expect(response.headers.get("content-type")).toBe("text/event-stream")
    expect(response.headers.get("cache-control")).toBe("no-store")
    expect(response.headers.get("x-accel-buffering")).toBe("no")
    await waitFor(() => seen.text.includes(`hx-target="#service-${service.id}"`))
    leave()
  })

  test("brings what somebody else does, in the language of who looks", async () => {
    const english = await openStream(admin, `service:${service.id}`)
    const chinese = await openStream(admin, `service:${service.id}`, { "accept-language": "zh-CN" })
    await waitFor(() => [english, chinese].every(({ seen }) => seen.text.includes('hx-target="#push"')))
    const before = [english.seen.text.length, chinese.seen.text.length]
    await api(manager)("POST", "/services/greeter/clients", { ips: ["127.1.1.150"] })
    await api(manager)("POST", "/services/greeter/pushes", {})
    await waitFor(() => english.seen.text.slice(before[0]).includes("Push finished"))
    await waitFor(() => chinese.seen.text.slice(before[1]).includes("推送"))
    expect(chinese.seen.text).not.toContain("Push finished")
    english.leave()
    chinese.leave()
  })

  test("carries nothing of the person who reads it", async () => {
    const { seen, leave } = await openStream(admin, "dash")
    await waitFor(() => seen.text.includes("#tiles"))
    expect(seen.text).not.toContain(admin.csrf)
    leave()
  })

  test("of an unknown topic or service is 404, and without a session 401", async () => {
    expect((await admin.ask("/events?t=everything")).status).toBe(404)
    expect((await admin.ask("/events?t=service:none")).status).toBe(404)
    expect((await new Visitor(manager).ask("/events?t=services")).status).toBe(401)
  })

  test("ends when its session is logged out, and says so; others go on", async () => {
    const leaver = await new Visitor(manager).login()
    const mine = await openStream(leaver, "nodes")
    const other = await openStream(admin, "nodes")
    await waitFor(() => mine.seen.text.includes("#tokens") && other.seen.text.includes("#tokens"))
    await leaver.htmx("/logout", { method: "POST" })
    await waitFor(() => mine.seen.ended)
    expect(mine.seen.text).toContain("event: session-ended")
    expect(other.seen.ended).toBe(false)
    other.leave()
  })

  test("of a service that is deleted ends, and a new one is 404, so that the page asks for itself", async () => {
    const { body } = await api(manager)("POST", "/services", { name: "shortlived" })
    const { seen } = await openStream(admin, `service:${body.id}`)
    await waitFor(() => seen.text.includes("#service-status"))
    await api(manager)("DELETE", "/services/shortlived")
    await waitFor(() => seen.ended)
    expect(seen.text).not.toContain("session-ended")
    expect((await admin.ask(`/events?t=service:${body.id}`)).status).toBe(404)
  })

  test("ends with the manager, which does not wait for its readers", async () => {
    const own = await startManager()
    const visitor = await new Visitor(own).login()
    const { seen } = await openStream(visitor, "services")
    await waitFor(() => seen.text.includes("#services-members"))
    const before = performance.now()
    await own.stop()
    expect(performance.now() - before).toBeLessThan(2_500)
    await waitFor(() => seen.ended)
  })
})

describe("the hub", () => {
  const hub = () => {
    let fragments: ReadonlyArray<Fragment> = [{ key: "a", html: "a1" }]
    const rendered: Array<string> = []
    const render = (view: View, lang: string) =>
      Effect.sync(() => {
        rendered.push(`${lang} ${view}`)
        if (fragments.length === 0) throw new Error("cannot render")
        return fragments
      })
    const layer = Live.layer(render).pipe(Layer.provideMerge(Changes.layer), Layer.provideMerge(Logger.layer([])))
    const runtime = ManagedRuntime.make(layer)
    const change = async (next: ReadonlyArray<Fragment>) => {
      fragments = next
      const changes = Context.get(await runtime.context(), Changes)
      await runtime.runPromise(changes.publish("services"))
    }
    const watch = async (lang: "en" | "zh-CN" = "en", sessionId = "s") => {
      const live = Context.get(await runtime.context(), Live)
      const messages: Array<string> = []
      const stream = live.watch({ view: "services", lang, sessionId, alive: Effect.succeed(true) })
      const leaving = new AbortController()
      const done = runtime
        .runPromiseExit(
          Stream.runForEach(stream, (text) => Effect.sync(() => void messages.push(text))),
          {
            signal: leaving.signal,
          },
        )
        .then((exit) => exit._tag)
      return { messages, leave: () => leaving.abort(), done }
    }
    const viewers = async () => runtime.runPromise(Context.get(await runtime.context(), Live).viewers)
    return { runtime, change, watch, viewers, rendered, [Symbol.asyncDispose]: () => runtime.dispose() }
  }

  test("sends who comes everything, and who is there what changed", async () => {
    await using live = hub()
    const first = await live.watch()
    await waitFor(() => first.messages.length === 1)
    expect(first.messages[0]).toBe("data: a1\n\n")
    await live.change([
      { key: "a", html: "a1" },
      { key: "b", html: "b1\nb2" },
    ])
    await waitFor(() => first.messages.length === 2)
    expect(first.messages[1]).toBe("data: b1\ndata: b2\n\n")
    const second = await live.watch()
    await waitFor(() => second.messages.length === 1)
    expect(second.messages[0]).toBe("data: a1b1\ndata: b2\n\n")
    expect(first.messages.length).toBe(2)
  })

  test("renders once for all who read the same language, however often something changes", async () => {
    await using live = hub()
    const viewers = await Promise.all(Array.from({ length: 20 }, () => live.watch()))
    const other = await live.watch("zh-CN")
    await waitFor(() => [...viewers, other].every(({ messages }) => messages.length > 0))
    live.rendered.length = 0
    for (let round = 0; round < 50; round++) await live.change([{ key: "a", html: `a${round}` }])
    await waitFor(() => [...viewers, other].every(({ messages }) => messages.at(-1) === "data: a49\n\n"))
    expect(live.rendered.length).toBeLessThan(20)
  })

  test("keeps for a slow reader only the newest of each part", async () => {
    await using live = hub()
    const release = Promise.withResolvers<void>()
    const service = Context.get(await live.runtime.context(), Live)
    const got: Array<string> = []
    const slow = service
      .watch({ view: "services", lang: "en", sessionId: "slow", alive: Effect.succeed(true) })
      .pipe(
        Stream.runForEach((text) =>
          Effect.promise(() => (got.push(text), got.length === 1 ? release.promise : Promise.resolve())),
        ),
      )
    live.runtime.runFork(slow)
    const quick = await live.watch()
    await waitFor(() => got.length === 1)
    for (let round = 0; round < 12; round++) {
      await live.change([{ key: "a", html: `a-${round}` }])
      await waitFor(() => quick.messages.at(-1) === `data: a-${round}\n\n`)
    }
    release.resolve()
    await waitFor(() => got.at(-1) === "data: a-11\n\n")
    expect(got.length).toBeLessThan(6)
  })

  test("forgets a reader who goes away, and renders for nobody", async () => {
    await using live = hub()
    const first = await live.watch()
    const second = await live.watch()
    await waitFor(async () => (await live.viewers()) === 2)
    first.leave()
    await first.done
    await waitFor(async () => (await live.viewers()) === 1)
    second.leave()
    await waitFor(async () => (await live.viewers()) === 0)
    live.rendered.length = 0
    await live.change([{ key: "a", html: "unseen" }])
    const third = await live.watch()
    await waitFor(() => third.messages.length === 1)
    expect(live.rendered.length).toBe(1)
    expect(third.messages[0]).toBe("data: unseen\n\n")
  })

  it.effect(
    "pings every 15 seconds, and ends within that time after the session has",
    Effect.gen(function* () {
      let holds = true
      const live = yield* Live
      const messages: Array<string> = []
      const alive = Effect.sync(() => holds)
      const fiber = yield* live.watch({ view: "services", lang: "en", sessionId: "s", alive }).pipe(
        Stream.runForEach((text) => Effect.sync(() => void messages.push(text))),
        Effect.forkScoped,
      )
      yield* TestClock.adjust("1 second")
      expect(messages).toEqual(["data: a\n\n"])
      yield* TestClock.adjust("30 seconds")
      expect(messages.slice(1)).toEqual([": ping\n\n", ": ping\n\n"])
      holds = false
      yield* TestClock.adjust("15 seconds")
      expect(messages.at(-1)).toBe("event: session-ended\ndata: \n\n")
      yield* Fiber.join(fiber)
      expect(yield* live.viewers).toBe(0)
    }).pipe(
      Effect.provide(
        Live.layer(() => Effect.succeed([{ key: "a", html: "a" }])).pipe(Layer.provideMerge(Changes.layer)),
      ),
    ),
  )

  test("goes on after a part could not be rendered", async () => {
    await using live = hub()
    const viewer = await live.watch()
    await waitFor(() => viewer.messages.length === 1)
    live.rendered.length = 0
    await live.change([])
    await waitFor(() => live.rendered.length === 1)
    await live.change([{ key: "a", html: "again" }])
    await waitFor(() => viewer.messages.at(-1) === "data: again\n\n")
  })
})
