import type { ParameterView } from "../CallModels.ts"

/** How a parameter is asked for. `any`: nothing is known of it, so JSON is taken, and other text as text. */
export type ParameterKind = "text" | "number" | "integer" | "boolean" | "choice" | "json" | "any"

type Schema = Readonly<Record<string, unknown>>

const isPrimitive = (value: unknown) => value === null || ["string", "number", "boolean"].includes(typeof value)

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const reference = /^#\/(?:\$defs|definitions)\/(.+)$/
const referencesMax = 8

/** A reference to a definition of the same schema, followed. */
const resolved = (schema: Schema): Schema => {
  const definitions = schema["$defs"] ?? schema["definitions"]
  let found = schema
  for (let left = referencesMax; typeof found["$ref"] === "string"; left--) {
    const name = reference.exec(found["$ref"])?.[1]
    const next = isSchema(definitions) && name !== undefined ? definitions[name] : undefined
    if (left === 0 || !isSchema(next)) return {}
    found = next
  }
  return found
}

/** The values of which one has to be chosen, as JSON; undefined when it is no choice. */
export const choicesOf = (schema: Schema | undefined): ReadonlyArray<string> | undefined => {
  if (schema === undefined) return undefined
  const { enum: values, anyOf, oneOf } = resolved(schema)
  if (Array.isArray(values) && values.every(isPrimitive)) return values.map((value) => JSON.stringify(value))
  const members: unknown = anyOf ?? oneOf
  if (!Array.isArray(members) || members.length === 0) return undefined
  const constants = members.map((member) => (isSchema(member) && "const" in member ? member["const"] : undefined))
  return constants.every((value) => value !== undefined && isPrimitive(value))
    ? constants.map((value) => JSON.stringify(value))
    : undefined
}

export const parameterKind = (schema: Schema | undefined): ParameterKind => {
  if (schema === undefined || Object.keys(schema).length === 0) return "any"
  if (choicesOf(schema) !== undefined) return "choice"
  switch (resolved(schema)["type"]) {
    case "string":
      return "text"
    case "number":
      return "number"
    case "integer":
      return "integer"
    case "boolean":
      return "boolean"
    default:
      return "json"
  }
}

const depthMax = 6

/** A value that the schema names itself. */
const named = ({ examples, enum: values, ...schema }: Schema): { readonly value: unknown } | undefined => {
  for (const key of ["default", "const"]) if (key in schema) return { value: schema[key] }
  for (const list of [examples, values]) if (Array.isArray(list) && list.length > 0) return { value: list[0] }
  return undefined
}

const plainSamples: Readonly<Record<string, unknown>> = { array: [], string: "", number: 0, integer: 0, boolean: false }

/** A value of the shape that a schema asks for, to be filled in. */
export const sampleOf = (schema: unknown, depth = 0): unknown => {
  if (!isSchema(schema) || depth > depthMax) return null
  const found = resolved(schema)
  const own = named(found)
  if (own !== undefined) return own.value
  const { properties, type } = found
  const members: unknown = found["anyOf"] ?? found["oneOf"]
  if (Array.isArray(members)) return sampleOf(members[0], depth + 1)
  if (type === "object" || isSchema(properties)) {
    const fields = isSchema(properties) ? Object.entries(properties) : []
    return Object.fromEntries(fields.map(([name, field]) => [name, sampleOf(field, depth + 1)]))
  }
  return typeof type === "string" ? (plainSamples[type] ?? null) : null
}

export type ParameterProblem =
  | { readonly kind: "missing" | "number" | "integer" }
  | { readonly kind: "json"; readonly message: string }

type Read = { readonly value: unknown } | { readonly problem: ParameterProblem } | undefined

const readJson = (text: string): Read => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { problem: { kind: "json", message: error instanceof Error ? error.message : String(error) } }
  }
}

const readNumber = (text: string, isWhole: boolean): Read => {
  const value = Number(text)
  if (!Number.isFinite(value)) return { problem: { kind: "number" } }
  return isWhole && !Number.isInteger(value) ? { problem: { kind: "integer" } } : { value }
}

/** The argument that a field stands for; undefined: it is left out. */
export const readParameter = ({ optional, schema }: Pick<ParameterView, "optional" | "schema">, text: string): Read => {
  const kind = parameterKind(schema)
  // A plain function does not say which of its parameters may be left out.
  if (text === "" && (optional || kind === "any")) return undefined
  if (text === "" && kind !== "text") return { problem: { kind: "missing" } }
  switch (kind) {
    case "text":
      return { value: text }
    case "number":
    case "integer":
      return readNumber(text.trim(), kind === "integer")
    case "any": {
      const read = readJson(text)
      return read !== undefined && "value" in read ? read : { value: text }
    }
    default:
      return readJson(text)
  }
}

/** The text with which a field stands for a value. */
export const parameterText = (schema: Schema | undefined, value: unknown): string => {
  if (value === undefined) return ""
  const kind = parameterKind(schema)
  if (typeof value === "string" && (kind === "text" || (kind === "any" && isNoJson(value)))) return value
  return JSON.stringify(value, null, kind === "json" ? 2 : 0)
}

const isNoJson = (text: string) => {
  const read = readJson(text)
  return text !== "" && read !== undefined && "problem" in read
}

/** What stands in a field at first: the shape of an object or a list, so that only values have to be filled in. */
export const parameterStart = ({ optional, schema }: Pick<ParameterView, "optional" | "schema">): string =>
  optional || parameterKind(schema) !== "json" ? "" : JSON.stringify(sampleOf(schema), null, 2)
