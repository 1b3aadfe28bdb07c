/** What may come next in a JSON text. */
type Want = "value" | "item" | "name" | "member" | "colon" | "more"
type Step = { readonly at: number; readonly want: Want }

const space = /[ \t\n\r]*/y
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y
/** All but quotes, backslashes and control characters. */
const plainText = /[ !#-[\]-\uffff]*/y
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/** Where `pattern` ends when it is found exactly at `at`; undefined when it is not. */
const endOf = (pattern: RegExp, text: string, at: number): number | undefined => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

/** Throws where the JSON ends and something else begins. */
class Fault extends Error {
  readonly at: number

  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const shown = (text: string, at: number): string => {
  const [found = ""] = /^(?:[\w.+-]{1,20}|[\s\S])/u.exec(text.slice(at, at + 20)) ?? []
  return found === "" ? "the end" : JSON.stringify(found)
}

const stringEnd = (text: string, start: number): number => {
  let at = start + 1
  for (;;) {
    at = endOf(plainText, text, at) ?? at
    const char = text[at]
    if (char === '"') return at + 1
    if (char === undefined) throw new Fault(start, "a text without its closing quote")
    if (char !== "\\") throw new Fault(at, "a line break, tab or other control character in a text, unescaped")
    const next = endOf(escaped, text, at)
    if (next === undefined) throw new Fault(at, `an unknown escape ${JSON.stringify(text.slice(at, at + 2))}`)
    at = next
  }
}

/** Lists and objects that are open, the innermost last. */
type Open = Array<"[" | "{">

const expectations: Readonly<Record<Want, string>> = {
  value: "a value",
  item: "a value or ]",
  name: "a name in quotes",
  member: "a name in quotes or }",
  colon: "a colon",
  more: "the end",
}

const unexpected = (text: string, at: number, expected: string) =>
  new Fault(at, `expected ${expected}, found ${shown(text, at)}`)

const value = (text: string, { at, want }: Step, open: Open): Step => {
  const char = text[at]
  if (char === "[" || char === "{") {
    open.push(char)
    return { at: at + 1, want: char === "[" ? "item" : "member" }
  }
  if (char === '"') return { at: stringEnd(text, at), want: "more" }
  const end = endOf(scalar, text, at)
  if (end === undefined) throw unexpected(text, at, expectations[want])
  return { at: end, want: "more" }
}

const more = (text: string, at: number, open: Open): Step => {
  const inside = open.at(-1)
  const closing = inside === "[" ? "]" : "}"
  if (inside === undefined) throw unexpected(text, at, expectations.more)
  if (text[at] === ",") return { at: at + 1, want: inside === "[" ? "value" : "name" }
  if (text[at] !== closing) throw unexpected(text, at, `a comma or ${closing}`)
  open.pop()
  return { at: at + 1, want: "more" }
}

const step = (text: string, { at, want }: Step, open: Open): Step => {
  const char = text[at]
  if (want === "more") return more(text, at, open)
  if ((want === "item" && char === "]") || (want === "member" && char === "}")) return more(text, at, open)
  if (want === "value" || want === "item") return value(text, { at, want }, open)
  if (want === "colon" ? char !== ":" : char !== '"') throw unexpected(text, at, expectations[want])
  return want === "colon" ? { at: at + 1, want: "value" } : { at: stringEnd(text, at), want: "colon" }
}

const place = (text: string, at: number): string => {
  const before = text.slice(0, at).split("\n")
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

/**
 * Why a text is no JSON and where: `line 1, column 4: expected a value, found "nope"`; undefined when it is JSON. For
 * texts that a parser refused: JavaScript's parsers say it each in their own words, some without the place.
 */
export const jsonFault = (text: string): string | undefined => {
  const open: Open = []
  let now: Step = { at: 0, want: "value" }
  try {
    for (;;) {
      const at = endOf(space, text, now.at) ?? now.at
      if (at === text.length && now.want === "more" && open.length === 0) return undefined
      now = step(text, { at, want: now.want }, open)
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return `${place(text, error.at)}: ${error.message}`
  }
}
