import { Cause, Clock, type Context as Services, Effect, Exit, Option } from "effect"
import { type Context, Hono } from "hono"
import { getCookie } from "hono/cookie"
import { catalogues, pickLanguage } from "../../../ui/messages/Catalogues.ts"
import type { PageContext } from "../../../ui/ViewModels.ts"
import type { Assets } from "../../platform/Assets.ts"
import { timingSafeEqualText } from "../../platform/Hash.ts"
import type { RequestInfo } from "../../platform/HttpServer.ts"
import { CliToken } from "../people/CliToken.ts"
import { People } from "../people/People.ts"
import { defect, htmlFailure, jsonFailure } from "./Answers.tsx"
import { type Ask, isHtmx, type SignedAsk } from "./Ask.ts"
import { BodyTooLarge, type Failure, ForeignRequest, NoSuchPage, SignInNeeded } from "./Failure.ts"
import { flash } from "./Flash.ts"
import type { PageRoute, PageServices } from "./Routes.ts"
import { fromOwnPage, isWrite, secureHeaders } from "./Security.ts"
import { sessionCookie } from "./SessionCookie.ts"

type Bindings = { readonly Bindings: RequestInfo }

/** Somebody who may act, or nobody. `csrf`: what a write of theirs has to bring along; programs with a token need none. */
type Who =
  | { readonly kind: "nobody" }
  | { readonly kind: "program"; readonly by: string }
  | { readonly kind: "session"; readonly by: string; readonly id: string; readonly csrf: string }

const nobody: Who = { kind: "nobody" }

const bearer = (c: Context): string | undefined => /^Bearer (\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1]

const whoAsks = Effect.fn("App.whoAsks")(function* (c: Context, speaks: "html" | "json") {
  const token = bearer(c)
  if (token !== undefined) {
    // A wrong token never falls back to a cookie: who sends both should learn that the token is wrong.
    if (speaks !== "json") return nobody
    const cliToken = yield* CliToken
    return cliToken.matches(token) ? ({ kind: "program", by: "cli" } satisfies Who) : nobody
  }
  const id = sessionCookie.read(c)
  if (id === undefined) return nobody
  const people = yield* People
  const session = yield* people.session(id)
  return session === undefined
    ? nobody
    : ({ kind: "session", by: session.user.name, id, csrf: session.csrfToken } satisfies Who)
})

const themeOf = (c: Context): PageContext["theme"] => {
  const theme = getCookie(c, "theme")
  return theme === "dark" || theme === "light" ? theme : "auto"
}

const pageContext = (c: Context, who: Who, now: number): PageContext => {
  const lang = pickLanguage(getCookie(c, "lang"), c.req.header("accept-language"))
  const { pathname, search } = new URL(c.req.url)
  return {
    lang,
    t: catalogues[lang],
    theme: themeOf(c),
    csrf: who.kind === "session" ? who.csrf : "",
    path: pathname + search,
    user: who.kind === "nobody" ? null : { name: who.by },
    now,
    flash: isDocument(c) ? flash.take(c) : undefined,
  }
}

const isDocument = (c: Context) =>
  c.req.method === "GET" && !isHtmx(c) && (c.req.header("accept") ?? "").includes("text/html")

/** Whether this may be done by who asks, before the handler sees it. */
const admit = (c: Context, route: Pick<PageRoute, "access" | "bytesMax">, who: Who): Failure | undefined => {
  const length = Number(c.req.header("content-length") ?? "0")
  if (length > route.bytesMax) return new BodyTooLarge({ bytesMax: route.bytesMax })
  if (route.access !== "open" && who.kind === "nobody") return new SignInNeeded()
  if (!isWrite(c.req.method) || who.kind === "program") return undefined
  if (!fromOwnPage(c)) return new ForeignRequest({ reason: "origin" })
  if (route.access === "open" || who.kind !== "session") return undefined
  const token = c.req.header("x-csrf-token") ?? ""
  return timingSafeEqualText(token, who.csrf) ? undefined : new ForeignRequest({ reason: "token" })
}

/** The whole page: each route of the table behind the same checks, and one place where a handler's effect runs. */
export const makeApp = (routes: ReadonlyArray<PageRoute>, context: Services.Context<PageServices>, assets: Assets) => {
  const app = new Hono<Bindings>()
  const run = Effect.runPromiseExitWith(context)

  const respond = Effect.fn("App.respond")(function* (c: Context, route: PageRoute) {
    const found = yield* Effect.exit(whoAsks(c, route.speaks))
    const who = Exit.isSuccess(found) ? found.value : nobody
    const info = c.env as RequestInfo
    const ask: Ask = {
      c,
      ip: info.ip,
      closing: info.closing,
      bytesMax: route.bytesMax,
      page: pageContext(c, who, yield* Clock.currentTimeMillis),
      sessionId: who.kind === "session" ? who.id : undefined,
    }
    if (Exit.isFailure(found)) return yield* defect(ask, route.speaks, found.cause)
    const refused = admit(c, route, who)
    const signed: SignedAsk = { ...ask, by: who.kind === "nobody" ? "" : who.by }
    const answer = refused === undefined ? Effect.suspend(() => route.handler(signed)) : Effect.fail(refused)
    const exit = yield* Effect.exit(answer)
    if (Exit.isSuccess(exit)) return exit.value
    const failure = Cause.findErrorOption(exit.cause)
    if (Option.isNone(failure)) return yield* defect(ask, route.speaks, exit.cause)
    return route.speaks === "json" ? jsonFailure(failure.value) : htmlFailure(ask, failure.value)
  })

  const handle = (route: PageRoute) => async (c: Context) => {
    // A reader who goes away interrupts a read. A write that has begun is finished: half of it helps nobody.
    const signal = isWrite(c.req.method) ? undefined : c.req.raw.signal
    const exit = await run(respond(c, route), signal === undefined ? {} : { signal })
    // Through Hono's own response: it carries the cookies that a handler has set.
    if (Exit.isSuccess(exit)) return c.newResponse(exit.value.body, exit.value)
    if (Cause.hasInterruptsOnly(exit.cause)) return new Response(null, { status: 503, headers: { "retry-after": "1" } })
    throw Cause.squash(exit.cause)
  }

  app.use(secureHeaders)
  app.get("/assets/:name", (c) => assets.respond(c.req.param("name"), c.req.raw))
  for (const route of routes) app.on(route.method, route.path, handle(route))

  const missing = (speaks: "html" | "json"): PageRoute => ({
    method: "GET",
    path: "*",
    speaks,
    access: "open",
    bytesMax: Number.MAX_SAFE_INTEGER,
    handler: (ask) => Effect.fail(new NoSuchPage({ path: ask.c.req.path })),
  })
  app.notFound((c) => handle(missing(c.req.path.startsWith("/api/") ? "json" : "html"))(c))
  // No failure of a handler: those are answered, and logged, where they are seen.
  app.onError(async (error, c) => {
    await run(Effect.logError(`defect outside of the handlers in ${c.req.method} ${c.req.path}`, error))
    return new Response("internal error\n", { status: 500 })
  })
  return app
}
