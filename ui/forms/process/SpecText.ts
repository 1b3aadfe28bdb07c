import type { CommandLine } from "../../../src/domain/CommandLine.ts"
import type { NamelessSpec, ProcessSpec } from "../../../src/domain/ProcessSpec.ts"
import { parseSetting, settingText } from "../SettingText.ts"
import {
  emptySpecs,
  type FieldKind,
  fieldOf,
  probeNames,
  probeParts,
  type SpecField,
  specFields,
} from "./SpecFields.ts"

type Json = Readonly<Record<string, unknown>>
type Texts = Readonly<Record<string, string>>

const at = (value: unknown, path: string): unknown =>
  path
    .split(".")
    .reduce<unknown>(
      (found, key) => (typeof found === "object" && found !== null ? (found as Json)[key] : undefined),
      value,
    )

const assignments = (value: unknown) =>
  Object.entries(Object(value) as Json)
    .map(([name, text]) => `${name}=${String(text)}`)
    .join("\n")

/** A word that would be an empty line, which means nothing. */
const emptyWord = '""'
const commandText = (command: CommandLine) =>
  "shell" in command ? command.shell : command.argv.map((word) => (word === "" ? emptyWord : word)).join("\n")

const writers: Readonly<Record<FieldKind, (value: never) => string>> = {
  text: (value: string) => value,
  choice: (value: string) => value,
  count: (value: number) => String(value),
  ms: (value: number) => settingText({ unit: "ms" }, value),
  bytes: (value: number) => settingText({ unit: "bytes" }, value),
  flag: (value: boolean) => (value ? "on" : ""),
  assignments,
  limits: assignments,
  lines: (value: ReadonlyArray<string>) => value.join("\n"),
  codes: (value: ReadonlyArray<number>) => value.join(", "),
  dependencies: (value: ReadonlyArray<{ service: string; condition: string }>) =>
    value.map(({ condition, service }) => `${service} ${condition}`).join("\n"),
  command: commandText,
}

/** The name under which a form keeps which form of a command is typed. */
export const formOf = (path: string) => `${path}.form`

/** The fields of a spec as people write them. */
export const textsOf = (spec: NamelessSpec | ProcessSpec): Texts => {
  const texts: Record<string, string> = {}
  for (const { kind, path } of specFields[spec.kind]) {
    const value = at(spec, path)
    texts[path] = value === undefined ? "" : writers[kind](value as never)
    if (kind === "command")
      texts[formOf(path)] = typeof value === "object" && value !== null && "argv" in value ? "argv" : "shell"
  }
  return texts
}

const defaults = { module: textsOf(emptySpecs.module), command: textsOf(emptySpecs.command) }
/** What a probe's fields are when it says nothing of them. */
const probeDefaults: Texts = { port: "0", periodMs: "10 s", timeoutMs: "1 s", rise: "1", fall: "3", delayMs: "0" }

export const defaultText = (kind: ProcessSpec["kind"], path: string): string => {
  const [probe = "", part = ""] = path.split(".")
  if (probeNames.some((name) => name === probe)) return probeDefaults[part] ?? ""
  return path === "module" || path === "command" ? "" : (defaults[kind][path] ?? "")
}

export const isDefault = (kind: ProcessSpec["kind"], path: string, text: string): boolean => {
  const trimmed = text.trim()
  return (trimmed === "" && fieldOf(kind, path)?.kind !== "flag") || trimmed === defaultText(kind, path)
}

/** What a text stands for; `error`: a sentence as the schema would say it. */
type Read = { readonly value?: unknown; readonly error?: string }

const lineError = (lines: string, pattern: RegExp) => {
  const wrong = lines.split("\n").findIndex((line) => line.trim() !== "" && !pattern.test(line.trim()))
  return wrong === -1 ? undefined : wrong + 1
}
const filled = (lines: string) => lines.split("\n").filter((line) => line.trim() !== "")
const numberOrText = (text: string) => (/^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text.trim())

const pairs = (lines: string, value: (text: string) => unknown) =>
  Object.fromEntries(
    filled(lines).map((line) => {
      const [name = "", ...rest] = line.split("=")
      return [name.trim(), value(rest.join("="))]
    }),
  )

const quantity =
  (unit: "ms" | "bytes") =>
  (text: string): Read => {
    const found = parseSetting({ unit, minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }, text)
    if (typeof found === "number") return { value: found }
    return {
      error:
        unit === "ms" ? "must be a time with its unit, such as 30 s" : "must be a size with its unit, such as 512 MiB",
    }
  }

const readers: Readonly<Record<Exclude<FieldKind, "command">, (text: string) => Read>> = {
  text: (text) => ({ value: text.trim() }),
  choice: (text) => ({ value: text }),
  count: (text) => (/^-?\d{1,15}$/.test(text.trim()) ? { value: Number(text) } : { error: "must be a whole number" }),
  ms: quantity("ms"),
  bytes: quantity("bytes"),
  flag: (text) => ({ value: text !== "" }),
  assignments: (text) => {
    const line = lineError(text, /^[A-Za-z_][A-Za-z0-9_]*=/)
    return line === undefined ? { value: pairs(text, (value) => value) } : { error: `line ${line} must be NAME=value` }
  },
  limits: (text) => {
    const line = lineError(text, /^[a-z]+\s*=\s*(?:unlimited|\d{1,15})$/)
    return line === undefined ? { value: pairs(text, numberOrText) } : { error: `line ${line} must be NAME=number` }
  },
  lines: (text) => ({ value: filled(text).map((line) => line.trim()) }),
  codes: (text) => ({
    value: text
      .split(/[\s,]+/)
      .filter((code) => code !== "")
      .map(numberOrText),
  }),
  dependencies: (text) => {
    const line = lineError(text, /^\S+\s+(?:started|ready|completed)$/)
    if (line !== undefined) return { error: `line ${line} must be SERVICE started, ready or completed` }
    return {
      value: filled(text).map((one) => {
        const [service, condition] = one.trim().split(/\s+/)
        return { service, condition }
      }),
    }
  },
}

const readCommand = (text: string, form: string | undefined): Read =>
  form === "argv"
    ? { value: { argv: text.split("\n").flatMap((line) => (line === "" ? [] : [line === emptyWord ? "" : line])) } }
    : { value: { shell: text } }

/** Fields that the spec has as it is: those of a probe only when there is one, of its kind. */
const isAsked = (texts: Texts, path: string): boolean => {
  const [probe = "", part = ""] = path.split(".")
  if (!probeNames.some((name) => name === probe)) return true
  const kind = texts[`${probe}.kind`] ?? ""
  return kind !== "" && (part === "kind" || probeParts(kind).includes(part))
}

const put = (draft: Record<string, unknown>, path: string, value: unknown) => {
  const [first = "", ...rest] = path.split(".")
  if (rest.length === 0) draft[first] = value
  else {
    const inner = (draft[first] ??= {}) as Record<string, unknown>
    put(inner, rest.join("."), value)
  }
}

const readField = ({ kind, path }: SpecField, texts: Texts): Read => {
  const text = texts[path] ?? ""
  if (kind === "flag") return readers.flag(text)
  if (text.trim() === "") return {}
  return kind === "command" ? readCommand(text, texts[formOf(path)]) : readers[kind](text)
}

/** The spec that the texts mean, not yet checked by its schema; and what of them means nothing. */
export const draftOf = (
  kind: ProcessSpec["kind"],
  texts: Texts,
): { readonly draft: Readonly<Record<string, unknown>>; readonly errors: Texts } => {
  const draft: Record<string, unknown> = { kind }
  const errors: Record<string, string> = {}
  for (const one of specFields[kind]) {
    if (!isAsked(texts, one.path)) continue
    const { error, value } = readField(one, texts)
    if (error !== undefined) errors[one.path] = error
    else if (value !== undefined) put(draft, one.path, value)
  }
  return { draft, errors }
}
