export interface SourceParameter {
  /** Undefined: the source takes it apart (`{ name }`), or can't be read. */
  readonly name: string | undefined
  /** It has a default. */
  readonly optional: boolean
}

export interface SourceParameters {
  readonly parameters: ReadonlyArray<SourceParameter>
  readonly rest: boolean
}

type Source = { readonly toString: () => string; readonly length: number }

/** The parameters of a function, as its source text names them. Of a function without readable source only the number. */
export const parametersOf = (source: Source): SourceParameters => {
  const text = Function.prototype.toString.call(source)
  const list = parameterList(text)
  if (list === undefined) {
    const parameters = Array.from({ length: source.length }, () => ({ name: undefined, optional: false }))
    return { parameters, rest: false }
  }
  const parts = splitList(list).map((part) => part.trim())
  const rest = parts.at(-1)?.startsWith("...") ?? false
  return { parameters: (rest ? parts.slice(0, -1) : parts).map(readParameter), rest }
}

const namePattern = /^([\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)\s*(=(?!=|>))?/u

const readParameter = (text: string): SourceParameter => {
  const match = namePattern.exec(text)
  if (match !== null) return { name: match[1], optional: match[2] !== undefined }
  // A pattern: what follows its closing bracket tells whether there is a default.
  return {
    name: undefined,
    optional:
      /^[[{]/.test(text) &&
      text
        .slice(endOfGroup(text, 0) + 1)
        .trim()
        .startsWith("="),
  }
}

/** What stands between the parentheses; `a` of `a => …`. Undefined for native code. */
const parameterList = (text: string): string | undefined => {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) return undefined
  const lone = /^(?:async\s+)?([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.exec(text)
  if (lone !== null) return lone[1]
  for (let at = 0; at < text.length; at = next(text, at)) {
    const character = text[at]
    if (character === "(") return text.slice(at + 1, endOfGroup(text, at))
    // A method's computed name: ["a (b"]() {}.
    if (character === "[") at = endOfGroup(text, at)
  }
  return undefined
}

const splitList = (list: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let from = 0
  const clean = withoutComments(list)
  for (let at = 0; at < clean.length; at = next(clean, at)) {
    const character = clean[at] ?? ""
    if ("([{".includes(character)) at = endOfGroup(clean, at)
    else if (character === ",") {
      parts.push(clean.slice(from, at))
      from = at + 1
    }
  }
  parts.push(clean.slice(from))
  return parts.filter((part) => part.trim() !== "")
}

const withoutComments = (text: string): string => {
  let kept = ""
  for (let at = 0; at < text.length;) {
    const after = next(text, at)
    kept += isComment(text, at) ? " " : text.slice(at, after)
    at = after
  }
  return kept
}

const isComment = (text: string, at: number) => text[at] === "/" && (text[at + 1] === "/" || text[at + 1] === "*")

const pairs: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" }

/** Where the group that opens at `at` closes; the text's end when it doesn't. */
const endOfGroup = (text: string, at: number): number => {
  const open: Array<string> = []
  for (let place = at; place < text.length; place = next(text, place)) {
    const character = text[place] ?? ""
    const closing = pairs[character]
    if (closing !== undefined) open.push(closing)
    else if (character === open.at(-1)) {
      open.pop()
      if (open.length === 0) return place
    }
  }
  return text.length
}

/** The place after the text, regular expression, comment or single character that begins at `at`. */
const next = (text: string, at: number): number => {
  const character = text[at] ?? ""
  if (`"'\``.includes(character)) return endOfText(text, at)
  if (character !== "/") return at + 1
  if (text[at + 1] === "*") return orEnd(text, text.indexOf("*/", at + 2), 2)
  if (text[at + 1] === "/") return orEnd(text, text.indexOf("\n", at), 1)
  // A slash after a value divides; anywhere else it begins a regular expression.
  return /[\w$)\]}"'`]\s*$/.test(text.slice(0, at)) ? at + 1 : endOfPattern(text, at)
}

const orEnd = (text: string, found: number, length: number) => (found < 0 ? text.length : found + length)

const endOfText = (text: string, at: number): number => {
  const quote = text[at]
  for (let place = at + 1; place < text.length; place++) {
    if (text[place] === "\\") place++
    else if (text[place] === quote) return place + 1
    else if (quote === "`" && text[place] === "$" && text[place + 1] === "{") place = endOfGroup(text, place + 1)
  }
  return text.length
}

const endOfPattern = (text: string, at: number): number => {
  let inClass = false
  for (let place = at + 1; place < text.length; place++) {
    const character = text[place]
    if (character === "\\") place++
    else if (character === "[") inClass = true
    else if (character === "]") inClass = false
    else if (character === "/" && !inClass) return place + 1
  }
  return text.length
}
