import { en } from "./en.ts"
import type { Language, Messages } from "./Messages.ts"
import { zhCN } from "./zh-CN.ts"

export const catalogues: Readonly<Record<Language, Messages>> = { en, "zh-CN": zhCN }

export const isLanguage = (text: string | undefined): text is Language => text === "en" || text === "zh-CN"

/** The language of a request: its cookie, else the best of `Accept-Language`, else English. */
export const pickLanguage = (cookie: string | undefined, accept: string | undefined): Language => {
  if (isLanguage(cookie)) return cookie
  const wanted = (accept ?? "").split(",").map((part) => {
    const [tag = "", quality = "1"] = part.trim().split(/;\s*q=/)
    return { tag: tag.toLowerCase(), quality: Number(quality) || 0 }
  })
  for (const { tag } of wanted.toSorted((a, b) => b.quality - a.quality)) {
    if (tag.startsWith("zh")) return "zh-CN"
    if (tag.startsWith("en")) return "en"
  }
  return "en"
}
