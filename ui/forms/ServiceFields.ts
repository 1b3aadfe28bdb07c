import { Schema } from "effect"
import { type Endpoint, endpointsMax } from "../../src/domain/Endpoint.ts"
import type { TlsMode } from "../../src/domain/EndpointList.ts"
import { ServiceName } from "../../src/domain/ServiceName.ts"
import type {
  EndpointRow,
  ServiceDetail,
  ServiceFormErrors,
  ServiceFormModel,
  ServiceFormValues,
} from "../ViewModels.ts"
import { checkRows, demoJson, endpointsOf, jsonOf, jsonProblems, nextRow, parseJson, rowOf } from "./EndpointFields.ts"
import { type Fields, oneOf, text, texts, wholeNumber } from "./Fields.ts"

const isServiceName = Schema.is(ServiceName)
const tlsModes: ReadonlyArray<TlsMode> = ["auto", "on", "off"]
const descriptionMax = 500
/** Above this a list opens as JSON: so many rows of fields help nobody. */
const rowsShownMax = 200

/** The form of a new service, or of one as it is: its draft when it has one. */
export const openServiceForm = (service: ServiceDetail | null): ServiceFormModel => ({
  id: service === null ? null : service.id,
  values: service === null ? newService : valuesOf(service),
  errors: {},
  guard: null,
  stale: null,
})

const newService: ServiceFormValues = {
  name: "",
  description: "",
  tls: "auto",
  mode: "rows",
  rows: [nextRow([])],
  json: "[]",
  baseRevision: 0,
  override: false,
}

const valuesOf = (service: ServiceDetail): ServiceFormValues => {
  const rows = (service.draft ?? service.endpointsList.map(released)).map(rowOf)
  return {
    name: service.name,
    description: service.description,
    tls: service.tls,
    mode: rows.length > rowsShownMax ? "json" : "rows",
    rows,
    json: jsonOf(rows),
    baseRevision: service.revision ?? 0,
    override: false,
  }
}

const released = ({ ip, port, desired }: ServiceDetail["endpointsList"][number]): Endpoint => ({ ip, port, ...desired })

/** The fields as they were typed. */
export const readServiceForm = (fields: Fields): ServiceFormValues => {
  const ports = texts(fields, "port")
  const weights = texts(fields, "weight")
  const statuses = texts(fields, "status")
  const rows = texts(fields, "ip").map((ip, index): EndpointRow => ({
    ip: ip.trim(),
    port: (ports[index] ?? "").trim(),
    weight: (weights[index] ?? "100").trim(),
    status: oneOf(statuses[index] ?? "", ["online", "offline"], "online"),
  }))
  return {
    name: text(fields, "name").trim(),
    description: text(fields, "description").trim(),
    tls: oneOf(text(fields, "tls"), tlsModes, "auto"),
    mode: oneOf(text(fields, "mode"), ["rows", "json"], "rows"),
    rows,
    json: text(fields, "json"),
    baseRevision: wholeNumber(text(fields, "baseRevision"), 0, 999_999_999) ?? 0,
    override: text(fields, "override") !== "",
  }
}

type Edited = { readonly values: ServiceFormValues; readonly errors: ServiceFormErrors }

/**
 * What a button of the list editor does: `to=rows|json`, `add`, `remove=<index>`, `format`, `demo`. A JSON text that
 * can't be shown as rows stays as it is, with its error.
 */
export const editEndpoints = (values: ServiceFormValues, change: Fields): Edited => {
  if (text(change, "demo") !== "") return { values: { ...values, mode: "json", json: demoJson }, errors: {} }
  if (values.mode === "json") return fromJson(values, text(change, "to") === "rows" ? "rows" : "json")
  if (text(change, "to") === "json")
    return { values: { ...values, mode: "json", json: jsonOf(filled(values.rows)) }, errors: {} }
  const removed = wholeNumber(text(change, "remove"), 0, endpointsMax)
  const kept = values.rows.filter((_, index) => index !== removed)
  if (text(change, "add") === "") return { values: { ...values, rows: kept }, errors: {} }
  return { values: { ...values, rows: [...kept, nextRow(kept)], added: kept.length }, errors: {} }
}

const fromJson = (values: ServiceFormValues, mode: "rows" | "json"): Edited => {
  const { rows, error } = parseJson(values.json)
  if (rows === undefined) return { values, errors: { json: error } }
  return { values: { ...values, mode, rows, json: jsonOf(rows) }, errors: {} }
}

export type ServiceFields = {
  readonly name: string
  readonly description: string
  readonly tls: TlsMode
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly baseRevision: number
  readonly override: boolean
}
type Checked =
  | { readonly fields: ServiceFields; readonly errors?: never }
  | { readonly fields?: never; readonly errors: ServiceFormErrors }

/** What the form means, or all that is wrong with it. */
export const checkServiceForm = (values: ServiceFormValues): Checked => {
  const list = checkList(values)
  const errors: ServiceFormErrors = {
    ...(isServiceName(values.name) ? {} : { name: "syntax" as const }),
    ...(values.description.length > descriptionMax ? { description: "length" as const } : {}),
    ...list.errors,
  }
  if (Object.keys(errors).length > 0) return { errors }
  const { name, description, tls, baseRevision, override } = values
  return { fields: { name, description, tls, baseRevision, override, endpoints: endpointsOf(list.rows) } }
}

const checkList = (values: ServiceFormValues): { rows: ReadonlyArray<EndpointRow>; errors: ServiceFormErrors } => {
  const parsed = values.mode === "json" ? parseJson(values.json) : { rows: filled(values.rows) }
  if (parsed.rows === undefined) return { rows: [], errors: { json: parsed.error } }
  const { rows } = parsed
  if (rows.length > endpointsMax) return { rows, errors: { list: "tooMany" } }
  const wrong = checkRows(rows)
  if (Object.keys(wrong).length === 0) return { rows, errors: {} }
  return values.mode === "json"
    ? { rows, errors: { json: { kind: "items", problems: jsonProblems(wrong) } } }
    : { rows, errors: { rows: wrong } }
}

/** A row nobody has typed an address into is no endpoint, if it stands at the end. */
const filled = (rows: ReadonlyArray<EndpointRow>) => {
  const last = rows.findLastIndex((row) => row.ip !== "")
  return rows.slice(0, last + 1)
}

export const errorCount = (errors: ServiceFormErrors) =>
  [errors.name, errors.description, errors.list].filter((error) => error !== undefined).length +
  (errors.json === undefined ? 0 : errors.json.kind === "items" ? errors.json.problems.length : 1) +
  Object.values(errors.rows ?? {}).reduce((sum, row) => sum + Object.keys(row).length, 0)
