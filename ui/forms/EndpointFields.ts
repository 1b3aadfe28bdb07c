import { Schema } from "effect"
import { Address, type Endpoint } from "../../src/domain/Endpoint.ts"
import type { EndpointRow, JsonProblem, RowErrors, ServiceFormErrors } from "../ViewModels.ts"
import { wholeNumber } from "./Fields.ts"

const isAddress = Schema.is(Address)
const fieldNames = ["ip", "port", "status", "weight"] as const

export const rowOf = (endpoint: Endpoint): EndpointRow => ({
  ip: endpoint.ip,
  port: String(endpoint.port),
  weight: String(endpoint.weight),
  status: endpoint.status,
})

/** A row that adds to a list: the port of the last one is usually right. */
export const nextRow = (rows: ReadonlyArray<EndpointRow>): EndpointRow => ({
  ip: "",
  port: rows.at(-1)?.port ?? "",
  weight: "100",
  status: "online",
})

/** What is wrong, by index; empty when all rows are right. */
export const checkRows = (rows: ReadonlyArray<EndpointRow>): Readonly<Record<number, RowErrors>> => {
  const seen = new Set<string>()
  const wrong: Record<number, RowErrors> = {}
  for (const [index, row] of rows.entries()) {
    const key = `${row.ip.toLowerCase()} ${row.port}`
    const errors: RowErrors = {
      ...(isAddress(row.ip) ? (seen.has(key) ? { ip: "twice" as const } : {}) : { ip: "address" as const }),
      ...(wholeNumber(row.port, 1, 65_535) === undefined ? { port: "port" as const } : {}),
      ...(wholeNumber(row.weight, 0, 100) === undefined ? { weight: "weight" as const } : {}),
    }
    seen.add(key)
    if (Object.keys(errors).length > 0) wrong[index] = errors
  }
  return wrong
}

/** Only of rows that were checked. */
export const endpointsOf = (rows: ReadonlyArray<EndpointRow>): ReadonlyArray<Endpoint> =>
  rows.map((row) => ({ ip: row.ip, port: Number(row.port), weight: Number(row.weight), status: row.status }))

const numberOrText = (value: string) => (/^\d+$/.test(value.trim()) ? Number(value) : value)

/** One endpoint a line, which people compare and edit best. */
export const jsonOf = (rows: ReadonlyArray<EndpointRow>) => {
  const lines = rows.map(({ ip, port, status, weight }) => {
    const pairs = Object.entries({ ip, port: numberOrText(port), status, weight: numberOrText(weight) })
    return `  { ${pairs.map(([name, value]) => `"${name}": ${JSON.stringify(value)}`).join(", ")} }`
  })
  return lines.length === 0 ? "[]" : `[\n${lines.join(",\n")}\n]`
}

export const demoJson = jsonOf([
  { ip: "10.0.0.11", port: "9501", status: "online", weight: "100" },
  { ip: "10.0.0.12", port: "9501", status: "online", weight: "50" },
  { ip: "10.0.0.13", port: "9501", status: "offline", weight: "100" },
])

type JsonError = NonNullable<ServiceFormErrors["json"]>
type ParsedJson =
  | { readonly rows: ReadonlyArray<EndpointRow>; readonly error?: never }
  | { readonly rows?: never; readonly error: JsonError }

/**
 * The rows that a JSON text means. An error when they can't be shown as rows: bad syntax, another shape, a field that
 * is missing, of another type or unknown. Wrong addresses, ports and weights are left to `checkRows`.
 */
export const parseJson = (json: string): ParsedJson => {
  const parsed = tryParse(json)
  if ("error" in parsed) return parsed
  const { value } = parsed
  if (!Array.isArray(value) || !value.every((item) => isObject(item))) return { error: { kind: "shape" } }
  const problems = value.flatMap((item, index) => shapeProblems(item, index))
  if (problems.length > 0) return { error: { kind: "items", problems } }
  return {
    rows: value.map((item) => ({
      ip: String(item["ip"]),
      port: String(item["port"]),
      weight: String(item["weight"]),
      status: item["status"] === "offline" ? "offline" : "online",
    })),
  }
}

/** The errors of rows, told of the JSON text that they came from. */
export const jsonProblems = (wrong: Readonly<Record<number, RowErrors>>): ReadonlyArray<JsonProblem> =>
  Object.entries(wrong).flatMap(([index, errors]) =>
    Object.entries(errors).map(([field, kind]) => ({ index: Number(index), field, kind })),
  )

const tryParse = (json: string): { readonly value: unknown } | { readonly error: JsonError } => {
  try {
    return { value: JSON.parse(json.trim() === "" ? "[]" : json) }
  } catch (error) {
    return { error: { kind: "syntax", message: error instanceof Error ? error.message : String(error) } }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const shapeProblems = (item: Record<string, unknown>, index: number): ReadonlyArray<JsonProblem> => {
  const unknown = Object.keys(item).filter((field) => !fieldNames.some((name) => name === field))
  return [
    ...fieldNames.flatMap((field) => {
      const kind = shapeProblem(field, item[field])
      return kind === undefined ? [] : [{ index, field, kind }]
    }),
    ...unknown.map((field) => ({ index, field, kind: "unknown" as const })),
  ]
}

const shapeProblem = (field: (typeof fieldNames)[number], value: unknown) => {
  if (value === undefined) return "missing" as const
  if (field === "status") return value === "online" || value === "offline" ? undefined : ("status" as const)
  return typeof value === (field === "ip" ? "string" : "number") ? undefined : ("type" as const)
}
