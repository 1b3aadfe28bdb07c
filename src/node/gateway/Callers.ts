import { isLoopback } from "../../domain/Loopback.ts"
import { timingSafeEqualText } from "../../platform/Hash.ts"
import { Refusal } from "./Refusal.ts"

/**
 * Refuses what a browser sends for a page of somebody else's: it would be let in for being on this host. Such a request
 * has an `Origin`, or, when the page's name was made to point here, that name as `Host`. `isOpen`: a page could get
 * through, as neither a token nor a unix socket is in its way.
 */
export const refusePages = (headers: Headers, { isOpen }: { readonly isOpen: boolean }): void => {
  const origin = headers.get("origin")
  const site = headers.get("sec-fetch-site")
  if (origin !== null || (site !== null && site !== "none")) {
    throw new Refusal("permission_denied", `the gateway is not for web pages (Origin ${origin ?? site})`)
  }
  if (!isOpen) return
  // What listens without a token listens on loopback.
  const name = headers.get("host")
  if (name === null || isLoopback(nameOf(name))) return
  throw new Refusal("permission_denied", `the gateway is not ${name}: use its address, such as 127.0.0.1`)
}

/** `name` or `name:port`, without the brackets of an IPv6 address. */
const nameOf = (host: string): string => host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1")

/** Refuses who doesn't show the token. Undefined: who reaches the gateway may call. */
export const refuseStrangers = (headers: Headers, token: string | undefined): void => {
  if (token === undefined) return
  const [, shown] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? []
  if (shown !== undefined && timingSafeEqualText(shown, token)) return
  const message =
    shown === undefined
      ? "the gateway's token is needed: Authorization: Bearer TOKEN"
      : "the token is not the gateway's"
  throw new Refusal("unauthenticated", message, { headers: { "www-authenticate": "Bearer" } })
}
