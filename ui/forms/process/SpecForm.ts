import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { type NamelessSpec, type ProcessSpec } from "../../../src/domain/ProcessSpec.ts"
import { rpcSettingNames } from "../../../src/domain/Setting.ts"
import type { SpecFormErrors, SpecFormModel, SpecFormValues } from "../../ProcessModels.ts"
import type { NodeView, ProcessView } from "../../ViewModels.ts"
import { type Fields, oneOf, text } from "../Fields.ts"
import { parseSettings, settingTexts, type SettingTexts } from "../SettingText.ts"
import { fieldFor, probeNames, specFields } from "./SpecFields.ts"
import { defaultText, draftOf, formOf, textsOf } from "./SpecText.ts"

/** How a module's workers answer calls is a table of its own; its fields carry this before their names. */
export const rpcPrefix = "rpc."

const emptyTexts = (kind: ProcessSpec["kind"]): Record<string, string> => {
  const texts: Record<string, string> = {}
  for (const { kind: how, path } of specFields[kind]) {
    texts[path] = defaultText(kind, path)
    if (how === "command") texts[formOf(path)] = "shell"
  }
  return texts
}

const methodLines = (limits: Readonly<Record<string, number>>) =>
  Object.entries(limits)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n")

/** Without the service's name, and without what is wanted of it: neither is a part of how it is run. */
const jsonOf = (spec: Readonly<Record<string, unknown>>) => {
  const { desired: _, service: __, ...rest } = spec
  return JSON.stringify(rest, null, 2)
}

/** A word with a line end in it has no place in a field of one word a line. */
const isOnlyJson = (spec: ProcessSpec | NamelessSpec) =>
  spec.kind === "command" && "argv" in spec.command && spec.command.argv.some((word) => word.includes("\n"))

/** A spec as it is, in the form that can show it. */
export const valuesOf = (spec: ProcessSpec | NamelessSpec): SpecFormValues => {
  const rpc = spec.kind === "module" ? spec.rpc : defaultRpcSettings
  return {
    kind: spec.kind,
    mode: isOnlyJson(spec) ? "json" : "form",
    json: jsonOf(spec),
    desiredWas: spec.desired,
    texts: textsOf(spec),
    rpc: settingTexts(rpc),
    methodConcurrency: methodLines(rpc.methodConcurrency),
    legacy: rpc.legacy,
  }
}

const nothingYet: SpecFormValues = {
  kind: "module",
  mode: "form",
  json: "{}",
  desiredWas: "running",
  texts: emptyTexts("module"),
  rpc: settingTexts(defaultRpcSettings),
  methodConcurrency: "",
  legacy: false,
}

/** Addresses that a spec may name: of nodes that belong to the cluster. */
export const candidatesOf = (nodes: ReadonlyArray<NodeView>): SpecFormModel["candidates"] =>
  nodes.filter(({ revokedAt }) => revokedAt === null).map(({ ip, name }) => ({ ip, name }))

/** The form of a process spec as it is, or of none. */
export const openSpecForm = (process: ProcessView | null, nodes: ReadonlyArray<NodeView>): SpecFormModel => ({
  revision: process?.revision ?? null,
  base: process?.revision ?? 0,
  values: process === null ? nothingYet : valuesOf(process.spec),
  errors: { fields: {} },
  candidates: candidatesOf(nodes),
})

const lines = (fields: Fields, name: string) => text(fields, name).replaceAll("\r\n", "\n")

const readTexts = (fields: Fields, kind: ProcessSpec["kind"]) => {
  const texts: Record<string, string> = {}
  for (const { kind: how, path } of specFields[kind]) {
    texts[path] = lines(fields, path)
    if (how === "command") texts[formOf(path)] = oneOf(text(fields, formOf(path)), ["argv", "shell"], "shell")
  }
  const own = texts["nodes"]
  if (own === undefined) return texts
  const chosen = fields.getAll("node").filter((ip): ip is string => typeof ip === "string")
  texts["nodes"] = [...new Set([...chosen, ...own.split("\n").map((line) => line.trim())])].filter(Boolean).join("\n")
  return texts
}

/** The fields as they were typed. */
export const readSpecForm = (fields: Fields): SpecFormValues => {
  const kind = oneOf(text(fields, "kind"), ["module", "command"], "module")
  return {
    kind,
    mode: oneOf(text(fields, "mode"), ["form", "json"], "form"),
    json: lines(fields, "json"),
    desiredWas: text(fields, "desiredWas"),
    texts: readTexts(fields, kind),
    rpc: Object.fromEntries(
      rpcSettingNames.map((name) => [name, text(fields, `${rpcPrefix}${name}`).trim()]),
    ) as SettingTexts,
    methodConcurrency: lines(fields, "methodConcurrency"),
    legacy: text(fields, "legacy") === "on",
  }
}

const concurrencyLine = /^([A-Za-z$][\w$]*(?:\.[A-Za-z$][\w$]*)?)\s*=\s*(\d{1,7})$/
const concurrencyMax = 1_000_000

const readConcurrency = (lines: string) => {
  const limits: Record<string, number> = {}
  for (const [index, line] of lines.split("\n").entries()) {
    if (line.trim() === "") continue
    const [, method, limit] = concurrencyLine.exec(line.trim()) ?? []
    const number = Number(limit)
    if (method === undefined || !(number >= 1 && number <= concurrencyMax)) return { limits, wrongLine: index + 1 }
    limits[method] = number
  }
  return { limits, wrongLine: undefined }
}

type Draft = { readonly draft: unknown; readonly errors: SpecFormErrors }

/** The spec that the form means, for its schema to check; and what of the form means nothing at all. */
export const specDraft = (values: SpecFormValues): Draft => {
  if (values.mode === "json") return jsonDraft(values)
  const { draft, errors: fields } = draftOf(values.kind, values.texts)
  if (values.kind === "command") return { draft, errors: { fields } }
  const { errors: rpc, numbers } = parseSettings(values.rpc)
  const { limits, wrongLine } = readConcurrency(values.methodConcurrency)
  return {
    draft: { ...draft, rpc: { ...numbers, methodConcurrency: limits, legacy: values.legacy } },
    errors: {
      fields,
      ...(Object.keys(rpc).length === 0 ? {} : { rpc }),
      ...(wrongLine === undefined ? {} : { methodConcurrency: { line: wrongLine } }),
    },
  }
}

const jsonDraft = ({ json, texts }: SpecFormValues): Draft => {
  try {
    const found: unknown = JSON.parse(json)
    const isObject = typeof found === "object" && found !== null && !Array.isArray(found)
    // What is wanted is chosen beside the text, and not a part of it.
    const wanted = texts["desired"] === "stopped" ? "stopped" : "running"
    return { draft: isObject ? { desired: wanted, ...found } : found, errors: { fields: {} } }
  } catch (error) {
    return { draft: {}, errors: { fields: { json: error instanceof Error ? error.message : String(error) } } }
  }
}

export const hasErrors = ({ fields, methodConcurrency, rpc }: SpecFormErrors): boolean =>
  Object.keys(fields).length > 0 || rpc !== undefined || methodConcurrency !== undefined

/** How many places of the form need attention. */
export const specErrorCount = ({ fields, methodConcurrency, rpc = {} }: SpecFormErrors): number =>
  Object.keys(fields).length + Object.keys(rpc).length + (methodConcurrency === undefined ? 0 : 1)

/** Errors by path, each at the field that shows it; in the JSON form all at the text. */
export const placed = (values: SpecFormValues, errors: Readonly<Record<string, string>>): SpecFormErrors => {
  if (values.mode === "json") return { fields: errors }
  const fields: Record<string, string> = {}
  for (const [path, message] of Object.entries(errors)) {
    const name = fieldFor(values.kind, path) ?? path
    const inside = path === name || name.endsWith(".kind") ? "" : path.slice(name.length + 1)
    fields[name] ??= inside === "" ? message : `${inside}: ${message}`
  }
  return { fields }
}

/** The other form of the same spec; one that can't be shown so stays as it is, with what is wrong. */
export const toJson = (values: SpecFormValues): SpecFormValues => {
  const { draft } = specDraft(values)
  return { ...values, mode: "json", json: jsonOf(Object(draft) as Record<string, unknown>) }
}

export const toForm = (
  spec: NamelessSpec,
  { desired, desiredWas }: { readonly desired: string; readonly desiredWas: string },
): SpecFormValues => {
  const values = valuesOf(spec)
  return { ...values, desiredWas, texts: { ...values.texts, desired } }
}

/** Another kind: what both have stays as it was typed. */
export const ofKind = (values: SpecFormValues, kind: ProcessSpec["kind"]): SpecFormValues => {
  const shared = Object.fromEntries(
    specFields[kind].flatMap(({ path }) => {
      const text = values.texts[path]
      return text === undefined || text === "" ? [] : [[path, text]]
    }),
  )
  const probeForms = Object.fromEntries(
    probeNames.map((probe) => [formOf(`${probe}.command`), values.texts[formOf(`${probe}.command`)] ?? "shell"]),
  )
  return { ...values, kind, texts: { ...emptyTexts(kind), ...shared, ...probeForms } }
}
