import { Effect } from "effect"
import type { Context } from "hono"
import type { PageContext } from "../../../ui/ViewModels.ts"
import { NoSuchPage, type Failure } from "./Failure.ts"

/** A request as the handlers see it. */
export type Ask = {
  readonly c: Context
  /** Where it came from. */
  readonly ip: string
  /** Aborts when the server stops. */
  readonly closing: AbortSignal
  readonly bytesMax: number
  /** What pages are rendered with: language, theme, the user, the time. */
  readonly page: PageContext
  /** The session's id, of the browser's cookie; absent for programs with a token. */
  readonly sessionId: string | undefined
}

/** A request of somebody who may act. `by` is the name that the audit keeps. */
export type SignedAsk = Ask & { readonly by: string }

export type Answer<R> = Effect.Effect<Response, Failure, R>

/** `open`: anybody. `session`: a page of a user. `api`: a bearer token, or a session. */
export type Access = "open" | "session" | "api"
export type Method = "GET" | "POST" | "PUT" | "DELETE"

export type Route<R> = {
  readonly method: Method
  /** Hono's notation: `/services/:id`. */
  readonly path: string
  /** How failures are answered: as a page or toast, or as JSON. */
  readonly speaks: "html" | "json"
  readonly access: Access
  readonly bytesMax: number
  readonly handler: (ask: SignedAsk) => Answer<R>
}

/** A parameter of the path. A route without it could only be a mistake in the table, and ends as 404. */
export const param = (ask: Ask, name: string): Effect.Effect<string, NoSuchPage> => {
  const value = ask.c.req.param(name)
  return value === undefined ? Effect.fail(new NoSuchPage({ path: ask.c.req.path })) : Effect.succeed(value)
}

export const query = (ask: Ask, name: string): string => ask.c.req.query(name) ?? ""

export const isHtmx = (c: Context) => c.req.header("hx-request") === "true"
