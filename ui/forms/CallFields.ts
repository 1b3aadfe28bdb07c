import { consoleTimeout } from "../../src/domain/CallOutcome.ts"
import type { CallFormErrors, CallFormValues, MethodView } from "../CallModels.ts"
import { type Fields, oneOf, text } from "./Fields.ts"
import { parameterStart, parameterText, readParameter, sampleOf } from "./ParameterField.ts"
import { parseSetting } from "./SettingText.ts"

const methodName = /^[A-Za-z$][\w$]*(?:(?:\.|::)[A-Za-z$][\w$]*)?$/
const timeout = {
  unit: "ms",
  minimum: consoleTimeout.minimumMs,
  maximum: consoleTimeout.maximumMs,
  default: consoleTimeout.maximumMs,
} as const
const parametersMax = 32

const texts = (method: MethodView | undefined) => (method?.parameters ?? []).map(parameterStart)

/** The console as it is opened: a method of the service, if one is known, and one endpoint. */
export const openCallForm = (
  methods: ReadonlyArray<MethodView>,
  endpoints: ReadonlyArray<string>,
  wanted?: string,
): CallFormValues => {
  const name = wanted ?? methods[0]?.name ?? ""
  const method = methods.find((one) => one.name === name)
  return {
    method: name,
    shown: name,
    mode: method === undefined ? "json" : "fields",
    fields: texts(method),
    rest: "",
    json: sampleText(method),
    timeout: "5 s",
    endpoint: endpoints[0] ?? "all",
  }
}

const sampleText = (method: MethodView | undefined) =>
  JSON.stringify((method?.parameters ?? []).filter(({ optional }) => !optional).map(({ schema }) => sampleOf(schema)))

export const readCallForm = (fields: Fields): CallFormValues => ({
  method: text(fields, "method").trim().replace("::", "."),
  shown: text(fields, "shown"),
  mode: oneOf(text(fields, "mode"), ["fields", "json"], "fields"),
  fields: Array.from({ length: parametersMax }, (_, index) => `argument${index}`)
    .filter((name) => fields.get(name) !== null)
    .map((name) => text(fields, name).replaceAll("\r\n", "\n")),
  rest: text(fields, "rest").trim(),
  json: text(fields, "json").replaceAll("\r\n", "\n"),
  timeout: text(fields, "timeout").trim(),
  endpoint: text(fields, "endpoint").trim(),
})

type Arguments =
  | { readonly args: ReadonlyArray<unknown>; readonly errors?: never }
  | { readonly args?: never; readonly errors: Pick<CallFormErrors, "fields" | "rest" | "json"> }

const listOf = (json: string): { readonly list: ReadonlyArray<unknown> } | { readonly message: string | null } => {
  try {
    const value = JSON.parse(json.trim() === "" ? "[]" : json) as unknown
    return Array.isArray(value) ? { list: value } : { message: null }
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) }
  }
}

const jsonArguments = (json: string): Arguments => {
  const read = listOf(json)
  if ("list" in read) return { args: read.list }
  return { errors: { json: read.message === null ? { kind: "list" } : { kind: "syntax", message: read.message } } }
}

/** Arguments at the end that are left out are not sent; those in the middle are null. */
const fieldValues = (values: CallFormValues, { parameters }: MethodView) => {
  const reads = parameters.map((parameter, index) => readParameter(parameter, values.fields[index] ?? ""))
  const problems = reads.flatMap((read, index) =>
    read !== undefined && "problem" in read ? [[index, read.problem] as const] : [],
  )
  return {
    problems: Object.fromEntries(problems),
    args: reads.map((read) => (read !== undefined && "value" in read ? read.value : null)),
    given: reads.findLastIndex((read) => read !== undefined) + 1,
  }
}

const fieldArguments = (values: CallFormValues, method: MethodView): Arguments => {
  const { args, given, problems } = fieldValues(values, method)
  const rest = method.rest ? listOf(values.rest) : { list: [] }
  if (!("list" in rest)) return { errors: { fields: problems, rest: { message: rest.message } } }
  if (Object.keys(problems).length > 0) return { errors: { fields: problems } }
  return { args: rest.list.length > 0 ? [...args, ...rest.list] : args.slice(0, given) }
}

export const callArguments = (values: CallFormValues, method: MethodView | undefined): Arguments =>
  values.mode === "json" || method === undefined ? jsonArguments(values.json) : fieldArguments(values, method)

export type CallFields = {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly timeoutMs: number
  readonly endpoint: string
}
type Checked =
  | { readonly fields: CallFields; readonly errors?: never }
  | { readonly fields?: never; readonly errors: CallFormErrors }

/** What is to be called, or all that is wrong with it. */
export const checkCallForm = (values: CallFormValues, methods: ReadonlyArray<MethodView>): Checked => {
  const method = methods.find(({ name }) => name === values.method)
  const read = callArguments(values, method)
  const timeoutMs = parseSetting(timeout, values.timeout)
  const errors: CallFormErrors = {
    ...read.errors,
    ...(methodName.test(values.method) ? {} : { method: "name" as const }),
    ...(typeof timeoutMs === "number" ? {} : { timeout: timeoutMs }),
  }
  if (read.args === undefined || typeof timeoutMs !== "number" || Object.keys(errors).length > 0) return { errors }
  return { fields: { method: values.method, args: read.args, timeoutMs, endpoint: values.endpoint } }
}

/** How many places of the form need attention. */
export const callErrorCount = ({ fields = {}, ...others }: CallFormErrors): number =>
  Object.keys(others).length + Object.keys(fields).length

/** The form's arguments in its other shape; what can't be read yet stays as it is, with what is wrong with it. */
const inMode = (values: CallFormValues, method: MethodView | undefined, mode: "fields" | "json") => {
  if (mode === values.mode) return { values, errors: {} }
  const read = callArguments(values, method)
  if (mode === "json") {
    const json = read.args === undefined ? sampleText(method) : JSON.stringify(read.args, null, 2)
    return { values: { ...values, mode, json }, errors: {} }
  }
  if (read.args === undefined) return { values, errors: read.errors }
  const parameters = method?.parameters ?? []
  const fields = parameters.map(({ schema }, index) => parameterText(schema, read.args[index]))
  const more = read.args.slice(parameters.length)
  return { values: { ...values, mode, fields, rest: more.length === 0 ? "" : JSON.stringify(more) }, errors: {} }
}

/** After a change of the method or of the mode. */
export const editCall = (
  values: CallFormValues,
  methods: ReadonlyArray<MethodView>,
  change: Fields,
): { readonly values: CallFormValues; readonly errors: CallFormErrors } => {
  const method = methods.find(({ name }) => name === values.method)
  if (values.method !== values.shown) {
    const { fields, json, mode, rest } = openCallForm(methods, [], values.method)
    return { values: { ...values, shown: values.method, fields, json, mode, rest }, errors: {} }
  }
  const to = oneOf(text(change, "to"), ["fields", "json"], values.mode)
  return inMode(values, method, method === undefined ? "json" : to)
}
