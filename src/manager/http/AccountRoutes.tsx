import { Effect } from "effect"
import { setCookie } from "hono/cookie"
import { KeysDialog } from "../../../ui/layout/KeysDialog.tsx"
import { isLanguage } from "../../../ui/messages/Catalogues.ts"
import { LoginForm, LoginPage } from "../../../ui/pages/people/LoginPage.tsx"
import { PasswordForm, PasswordPage } from "../../../ui/pages/people/PasswordPage.tsx"
import { paths } from "../../../ui/Paths.ts"
import type { LoginModel, PasswordModel } from "../../../ui/ViewModels.ts"
import { type LoginRefused, passwordMin, People } from "../people/People.ts"
import { anyPath, goTo, ownPath, page, parts, toast } from "./Answers.tsx"
import { type Ask, isHtmx, param, query, type SignedAsk } from "./Ask.ts"
import { NoSuchPage, SignInNeeded, TooMany } from "./Failure.ts"
import { formFields } from "./Input.ts"
import { Live } from "./Live.ts"
import { sessionCookie } from "./SessionCookie.ts"

const yearSeconds = 365 * 86_400

export const loginPage = (ask: Ask) =>
  Effect.sync(() => {
    const next = ownPath(query(ask, "next"))
    return ask.page.user === null
      ? page(<LoginPage page={ask.page} model={{ name: "", next, error: null }} />)
      : goTo(ask, next)
  })

const loginRefused = (ask: Ask, model: Omit<LoginModel, "error">, refused: LoginRefused): Response => {
  const limited = refused.reason === "limited"
  const status = limited ? 429 : 422
  const filled: LoginModel = {
    ...model,
    error: limited ? { kind: "limited", retryAfterMs: refused.retryAfterMs } : { kind: "wrong" },
  }
  const response = isHtmx(ask.c)
    ? parts([<LoginForm page={ask.page} model={filled} />], status)
    : page(<LoginPage page={ask.page} model={filled} />, status)
  if (limited) response.headers.set("retry-after", String(Math.ceil(refused.retryAfterMs / 1000)))
  return response
}

export const login = Effect.fn("Account.login")(function* (ask: Ask) {
  const people = yield* People
  const fields = yield* formFields(ask)
  const name = (fields.get("name") ?? "").trim()
  const next = ownPath(fields.get("next") ?? undefined)
  return yield* people.login(name, fields.get("password") ?? "", ask.ip).pipe(
    Effect.map((session) => {
      sessionCookie.write(ask.c, session.id)
      return goTo(ask, next)
    }),
    Effect.catchTag("LoginRefused", (refused) => Effect.succeed(loginRefused(ask, { name, next }, refused))),
  )
})

export const logout = Effect.fn("Account.logout")(function* (ask: SignedAsk) {
  if (ask.sessionId !== undefined) {
    const people = yield* People
    const live = yield* Live
    yield* people.logout(ask.sessionId)
    yield* live.endSession(ask.sessionId)
  }
  sessionCookie.clear(ask.c)
  return goTo(ask, paths.login)
})

export const passwordPage = (ask: SignedAsk) =>
  Effect.succeed(page(<PasswordPage page={ask.page} model={{ error: null }} />))

const passwordAnswer = (ask: SignedAsk, error: PasswordModel["error"]): Response =>
  parts([<PasswordForm page={ask.page} model={{ error }} />], 422)

export const changePassword = Effect.fn("Account.changePassword")(function* (ask: SignedAsk) {
  const people = yield* People
  const fields = yield* formFields(ask)
  const [current = "", next = "", again = ""] = ["current", "next", "again"].map((name) => fields.get(name) ?? "")
  if (ask.sessionId === undefined) return yield* new SignInNeeded()
  if (next.length < passwordMin) return passwordAnswer(ask, "short")
  if (next !== again) return passwordAnswer(ask, "mismatch")
  return yield* people.changePassword(ask.sessionId, { current, next, ip: ask.ip }).pipe(
    Effect.as(
      parts([
        <PasswordForm page={ask.page} model={{ error: null }} />,
        toast(ask.page, "ok", ask.page.t.password.changed),
      ]),
    ),
    Effect.catchTags({
      PasswordRefused: ({ reason }) => Effect.succeed(passwordAnswer(ask, reason === "same" ? "same" : "short")),
      LoginRefused: ({ reason, retryAfterMs }) =>
        reason === "wrong" ? Effect.succeed(passwordAnswer(ask, "wrong")) : Effect.fail(new TooMany({ retryAfterMs })),
    }),
  )
})

export const keys = (ask: SignedAsk) => Effect.succeed(parts([<KeysDialog page={ask.page} />]))

/** A plain link, so that the choice works on the login page too. Writes nothing but a cookie. */
export const language = Effect.fn("Account.language")(function* (ask: Ask) {
  const lang = yield* param(ask, "lang")
  if (!isLanguage(lang)) return yield* new NoSuchPage({ path: ask.c.req.path })
  setCookie(ask.c, "lang", lang, { path: "/", sameSite: "Lax", maxAge: yearSeconds })
  return goTo(ask, anyPath(query(ask, "to")))
})
