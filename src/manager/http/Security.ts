import type { Context, MiddlewareHandler } from "hono"

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ")

const headers: Readonly<Record<string, string>> = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // With `no-referrer` browsers send `Origin: null` with form posts, which the origin check refuses.
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}

/** The headers of every answer. Whoever sets no cache rule gets `no-store`: also streams need it in Chromium. */
export const secureHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value)
  if (!c.res.headers.has("cache-control")) c.res.headers.set("cache-control", "no-store")
}

export const isWrite = (method: string) => method !== "GET" && method !== "HEAD"

/** Whether the browser says that one of our own pages sent this. A program that says nothing has no cookies to abuse. */
export const fromOwnPage = (c: Context): boolean => {
  const site = c.req.header("sec-fetch-site")
  if (site !== undefined) return site === "same-origin"
  const origin = c.req.header("origin")
  if (origin === undefined) return true
  // The scheme may differ behind a proxy that ends TLS; the host with its port must not.
  return URL.canParse(origin) && new URL(origin).host === (c.req.header("host") ?? new URL(c.req.url).host)
}
