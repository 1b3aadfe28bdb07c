import type { Context } from "hono"
import { deleteCookie, getCookie, setCookie } from "hono/cookie"

/** Browsers keep cookies by host, not by port: two managers on one host must not log each other out. */
const nameFor = (c: Context) => {
  const { protocol, port } = new URL(c.req.url)
  const secure = protocol === "https:"
  // `__Host-`: only ever set over https, by this very host, for all of its paths.
  return { secure, name: `${secure ? "__Host-" : ""}muster-session${port === "" ? "" : `-${port}`}` }
}

/** The cookie that holds a session's id: out of reach of scripts, never sent along from another site. */
export const sessionCookie = {
  read: (c: Context): string | undefined => getCookie(c, nameFor(c).name),
  write: (c: Context, id: string) => {
    const { name, secure } = nameFor(c)
    setCookie(c, name, id, { path: "/", httpOnly: true, sameSite: "Strict", secure })
  },
  clear: (c: Context) => {
    const { name, secure } = nameFor(c)
    deleteCookie(c, name, { path: "/", secure })
  },
}
