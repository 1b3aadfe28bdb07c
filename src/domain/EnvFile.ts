import { Result } from "effect"

/** What is wrong with a file of variables: its line, counted from 1, and why. It never quotes the line, which may hold a secret. */
export type EnvFileFault = { readonly line: number; readonly reason: string }

export type Variables = Readonly<Record<string, string>>

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }

const unescape = (text: string) => text.replaceAll(/\\(.)/gs, (_, char: string) => escapes[char] ?? char)

const quoted = /^(?:'(?<literal>[^']*)'|"(?<escaped>(?:[^"\\]|\\.)*)")\s*(?:#.*)?$/

/** undefined: a quotation mark has no partner, or something stands behind it. */
const valueOf = (text: string): string | undefined => {
  if (!/^["']/.test(text)) return text.replace(/(?:^|\s+)#.*$/, "").trimEnd()
  const groups = quoted.exec(text)?.groups
  return groups === undefined ? undefined : (groups["literal"] ?? unescape(groups["escaped"] ?? ""))
}

/**
 * Lines of NAME=value, as a shell would take them, but nothing is expanded: `export` may go before, a value may stand
 * in single quotes (as it is) or double quotes (`\n`, `\t`, `\"`, …), blank lines and those from `#` on are passed over.
 * The last of equal names counts.
 */
export const parseEnvFile = (text: string): Result.Result<Variables, EnvFileFault> => {
  const variables: Record<string, string> = {}
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const fault = (reason: string) => Result.fail({ line: index + 1, reason })
    const line = raw.trim().replace(/^export\s+/, "")
    if (line === "" || line.startsWith("#")) continue
    if (line.includes("\0")) return fault("has a NUL character")
    const at = line.indexOf("=")
    if (at < 0) return fault("has no =, expected NAME=value")
    const name = line.slice(0, at)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return fault("does not begin with the name of a variable and =")
    const value = valueOf(line.slice(at + 1).trimStart())
    if (value === undefined) return fault("has a quotation mark without its partner, or something behind it")
    variables[name] = value
  }
  return Result.succeed(variables)
}
