const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
const reserved: ReadonlySet<string> = new Set(
  "break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield arguments eval await".split(
    " ",
  ),
)

/** A key of an object type or interface: as it is, or in quotes. */
export const keyText = (key: string): string => (identifier.test(key) ? key : JSON.stringify(key))

/** A name for a parameter, whatever the service called it: no word of the language, none that `used` has. */
export const parameterText = (name: string, used: Set<string>): string => {
  const cleaned = name.replaceAll(/[^\p{ID_Continue}$]/gu, "_")
  const valid = identifier.test(cleaned) ? cleaned : `_${cleaned}`
  return unused(reserved.has(valid) ? `${valid}_` : valid, used)
}

/** `order-line` as `OrderLine`; `fallback` where nothing is left of it. */
export const typeName = (text: string, fallback: string): string => {
  const words = text.split(/[^\p{ID_Continue}]+/u).filter((word) => word !== "")
  const name = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join("")
  return identifier.test(name) ? name : `${fallback}${name}`
}

/** The name itself, or with the first number that makes it one of its own. */
export const unused = (name: string, used: Set<string>): string => {
  let candidate = name
  for (let number = 2; used.has(candidate); number++) candidate = `${name}${number}`
  used.add(candidate)
  return candidate
}

/** A comment with its line end; nothing for no lines. Nothing in it ends the comment. */
export const comment = (lines: ReadonlyArray<string>): string => {
  const safe = lines
    .flatMap((line) => line.split(/\r\n|[\n\r\u2028\u2029]/))
    .map((line) => line.replaceAll("*/", "*\\/").trimEnd())
  if (safe.length === 0) return ""
  if (safe.length === 1) return `/** ${safe[0]} */\n`
  return `/**\n${safe.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\n`
}

/** All lines but the empty ones, two columns further in. */
export const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ")
