import type { Context } from "hono"
import { deleteCookie, getCookie, setCookie } from "hono/cookie"
import type { PageContext } from "../../../ui/ViewModels.ts"

type FlashMessage = NonNullable<PageContext["flash"]>

const name = "muster-flash"
const tones: ReadonlyArray<FlashMessage["tone"]> = ["ok", "bad", "info"]
const textMax = 500
const path = /^\/[\w/-]+$/
const noPath = "-"

/** A message that the next page shows: for answers that lead to another page. It travels in a cookie of one minute. */
export const flash = {
  leave: (c: Context, message: FlashMessage) =>
    setCookie(c, name, `${message.tone} ${message.undo ?? noPath} ${message.text.slice(0, textMax)}`, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      maxAge: 60,
    }),
  /** The message, which is gone with this answer. */
  take: (c: Context): FlashMessage | undefined => {
    const kept = getCookie(c, name)
    if (kept === undefined) return undefined
    deleteCookie(c, name, { path: "/" })
    const [, said, undo = "", text = ""] = /^(\w+) (\S+) (.*)$/s.exec(kept) ?? []
    const tone = tones.find((one) => one === said)
    if (tone === undefined) return undefined
    return { tone, text: text.slice(0, textMax), ...(path.test(undo) ? { undo } : {}) }
  },
}
