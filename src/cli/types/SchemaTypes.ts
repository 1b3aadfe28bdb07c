import type { JsonSchema } from "../../protocol/Reflection.ts"
import { comment, indented, keyText, typeName, unused } from "./TypeText.ts"

/** A schema that nests deeper is not followed any more. */
const depthMax = 32
const lineMax = 90

interface Place {
  /** Where the references in it are looked up. */
  readonly root: JsonSchema
  readonly depth: number
}

/** Turns JSON Schemas into types. What several of them refer to becomes a type with a name. */
export class SchemaTypes {
  readonly #used: Set<string>
  /** By what the reference stands for, as JSON. */
  readonly #names = new Map<string, string>()
  readonly #declarations = new Map<string, string>()

  /** `used`: names that are taken. */
  constructor(used: Set<string>) {
    this.#used = used
  }

  /** The types with a name, in the order in which they were met, each with its line end. */
  get declarations(): ReadonlyArray<string> {
    return [...this.#declarations.values()]
  }

  /** The type of a whole schema; `unknown` for what the language can't say. */
  of(schema: JsonSchema | undefined): string {
    return schema === undefined ? "unknown" : this.#type(schema, { root: schema, depth: 0 })
  }

  #type(schema: unknown, { depth, root }: Place): string {
    if (schema === false) return "never"
    if (!isRecord(schema) || depth > depthMax) return "unknown"
    const place = { root, depth: depth + 1 }
    const { allOf } = schema
    const parts = [this.#own(schema, place), ...list(allOf).map((part) => this.#type(part, place))].filter(
      (part) => part !== "unknown",
    )
    const type = parts.length === 0 ? "unknown" : parts.length === 1 ? `${parts[0]}` : parts.map(grouped).join(" & ")
    return schema["nullable"] === true && type !== "unknown" ? union([type, "null"]) : type
  }

  /** Without its `allOf`. */
  #own(schema: JsonSchema, place: Place): string {
    const { $ref, anyOf, enum: values, oneOf, type } = schema
    if (typeof $ref === "string") return this.#reference($ref, place)
    if ("const" in schema) return literal(schema["const"])
    if (Array.isArray(values)) return union(values.map(literal))
    const choices = [...list(anyOf), ...list(oneOf)]
    if (choices.length > 0) return union(choices.map((choice) => this.#type(choice, place)))
    if (Array.isArray(type)) return union(type.map((one) => this.#ofType(one, schema, place)))
    return this.#ofType(type ?? guessed(schema), schema, place)
  }

  #ofType(type: unknown, schema: JsonSchema, place: Place): string {
    switch (type) {
      case "string":
      case "boolean":
      case "null":
        return type
      case "number":
      case "integer":
        return "number"
      case "array":
        return this.#array(schema, place)
      case "object":
        return this.#object(schema, place)
      default:
        return "unknown"
    }
  }

  #array({ items, minItems, prefixItems, ...schema }: JsonSchema, place: Place): string {
    // Drafts before 2020-12 have the list in `items`.
    const first = list(prefixItems ?? items)
    const rest = Array.isArray(items) ? schema["additionalItems"] : items
    if (first.length === 0) return `ReadonlyArray<${this.#type(rest, place)}>`
    const least = typeof minItems === "number" ? minItems : first.length
    const members = first.map((item, index) => {
      const member = this.#type(item, place)
      return index < least ? member : `${grouped(member)}?`
    })
    const more = rest === false || rest === undefined ? [] : [`...ReadonlyArray<${this.#type(rest, place)}>`]
    return `readonly [${[...members, ...more].join(", ")}]`
  }

  #object(schema: JsonSchema, place: Place): string {
    const { additionalProperties, patternProperties, properties, required } = schema
    const needed = new Set<unknown>(list(required))
    const known = Object.entries(isRecord(properties) ? properties : {})
    const others = [
      ...Object.values(isRecord(patternProperties) ? patternProperties : {}),
      ...(isRecord(additionalProperties) ? [additionalProperties] : []),
    ]
    if (known.length === 0 && others.length === 0) return additionalProperties === false ? emptyObject : anyObject
    const members = known.map(([key, property]) => {
      const about = isRecord(property) && typeof property["description"] === "string" ? [property["description"]] : []
      const type = this.#type(property, place)
      return `${comment(about)}readonly ${keyText(key)}${needed.has(key) ? "" : "?"}: ${type}`
    })
    if (others.length > 0) {
      // A key that is known must fit the others' type too, so with both nothing narrower can be said.
      const type = known.length > 0 ? "unknown" : union(others.map((other) => this.#type(other, place)))
      members.push(`readonly [key: string]: ${type}`)
    }
    const line = `{ ${members.join("; ")} }`
    return line.length <= lineMax && !line.includes("\n") ? line : `{\n${indented(members.join("\n"))}\n}`
  }

  #reference(reference: string, { root }: Place): string {
    const target = resolve(root, reference)
    if (!isRecord(target)) return "unknown"
    // The same definition in several methods is one type, when the rest of what it may refer to is the same too.
    const key = JSON.stringify([reference, target, root["$defs"], root["definitions"], reference === "#" ? 0 : 1])
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = unused(typeName(lastOf(reference), "Type"), this.#used)
    this.#names.set(key, name)
    // Before those that it refers to.
    this.#declarations.set(name, "")
    const about = typeof target["description"] === "string" ? [target["description"]] : []
    this.#declarations.set(name, `${comment(about)}export type ${name} = ${this.#type(target, { root, depth: 0 })}\n`)
    return name
  }
}

const emptyObject = "{ readonly [key: string]: never }"
const anyObject = "{ readonly [key: string]: unknown }"

/** Of a schema that says no `type`. */
const guessed = (schema: JsonSchema): string | undefined => {
  if ("properties" in schema || "additionalProperties" in schema) return "object"
  return "items" in schema || "prefixItems" in schema ? "array" : undefined
}

const union = (types: ReadonlyArray<string>): string => {
  if (types.includes("unknown")) return "unknown"
  const different = [...new Set(types)].filter((type) => type !== "never")
  if (different.length === 0) return "never"
  return different.length === 1 ? `${different[0]}` : different.map(grouped).join(" | ")
}

/** In brackets where it would be read differently otherwise. */
const grouped = (type: string): string => (isCompound(type) ? `(${type})` : type)

/** Whether a `|` or `&` stands in it outside of all brackets and texts. */
const isCompound = (type: string): boolean => {
  let depth = 0
  for (const [part] of type.matchAll(/"(?:[^"\\]|\\.)*"|[([{<>}\])|&]/g)) {
    if ("([{<".includes(part)) depth++
    else if (")]}>".includes(part)) depth--
    else if (depth === 0 && (part === "|" || part === "&")) return true
  }
  return false
}

const literal = (value: unknown): string => {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `readonly [${value.map(literal).join(", ")}]`
  if (!isRecord(value)) return "unknown"
  const members = Object.entries(value).map(([key, member]) => `readonly ${keyText(key)}: ${literal(member)}`)
  return members.length === 0 ? "{}" : `{ ${members.join("; ")} }`
}

/** What a reference within the document points at, such as `#/$defs/Order`. */
const resolve = (root: JsonSchema, reference: string): unknown => {
  if (!reference.startsWith("#")) return undefined
  let at: unknown = root
  for (const part of reference.slice(1).split("/").slice(1)) {
    const key = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~")
    if (!isRecord(at) || !Object.hasOwn(at, key)) return undefined
    at = at[key]
  }
  return at
}

const lastOf = (reference: string): string => decoded(reference.split("/").at(-1) ?? "").replace(/^#$/, "Root")

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
