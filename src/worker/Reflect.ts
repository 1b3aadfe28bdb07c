import type { JsonSchema, MethodInfo, ParameterInfo } from "../protocol/Reflection.ts"
import { inputsOf } from "../service/Method.ts"
import { type AnySchema, isSchema } from "../service/StandardSchema.ts"
import type { ExportedMethod, MethodTable, UserFunction } from "./MethodTable.ts"
import { parametersOf } from "./Parameters.ts"

/** What the module's methods look like from outside, in the order of their names. */
export const describeMethods = (methods: MethodTable): ReadonlyArray<MethodInfo> =>
  [...methods].map(([name, method]) => describeMethod(name, method)).toSorted((a, b) => (a.name < b.name ? -1 : 1))

const describeMethod = (name: string, { details, run }: ExportedMethod): MethodInfo => {
  const schemas = inputsOf(details?.input)
  const { parameters, rest } = schemas === undefined ? plainParameters(run) : checkedParameters(run, schemas)
  const output = jsonSchemaOf(details?.output, "output")
  return {
    name,
    parameters,
    rest,
    kind: isStream(run) ? "stream" : "unary",
    idempotent: details?.idempotent === true,
    ...(output === undefined ? {} : { output }),
    ...(details?.description === undefined ? {} : { description: details.description }),
  }
}

/** A generator answers with a stream. */
export const isStream = (run: UserFunction): boolean =>
  /^\[object (?:Async)?GeneratorFunction\]$/.test(Object.prototype.toString.call(run))

type Described = Pick<MethodInfo, "parameters" | "rest">

const nameAt = (name: string | undefined, index: number) => name ?? `argument${index + 1}`

const plainParameters = (run: UserFunction): Described => {
  const { parameters, rest } = parametersOf(run)
  return { parameters: parameters.map(({ name, optional }, index) => ({ name: nameAt(name, index), optional })), rest }
}

const checkedParameters = (run: UserFunction, schemas: ReadonlyArray<AnySchema>): Described => {
  const source = parametersOf(run)
  const parameters = schemas.map((input, index): ParameterInfo => {
    const schema = jsonSchemaOf(input, "input")
    const name = nameAt(source.parameters[index]?.name, index)
    return { name, optional: takesNothing(input), ...(schema === undefined ? {} : { schema }) }
  })
  return { parameters, rest: false }
}

const takesNothing = (schema: AnySchema): boolean => {
  try {
    const verdict = schema["~standard"].validate(undefined)
    if (!(verdict instanceof Promise)) return verdict.issues === undefined
    verdict.catch(() => undefined)
    return false
  } catch {
    return false
  }
}

type Converter = { readonly [Side in "input" | "output"]?: (options: { readonly target: string }) => unknown }

/** Longer ones are left out: a list of methods must fit into one answer. */
const jsonMax = 64 * 1024
/** Keys that no value of muster/1 may have. */
const forbidden = /"(?:__proto__|constructor|prototype)":/

/** By Standard JSON Schema, where the schema's library speaks it. */
const jsonSchemaOf = (schema: unknown, side: "input" | "output"): JsonSchema | undefined => {
  if (!isSchema(schema)) return undefined
  const { jsonSchema } = schema["~standard"] as { readonly jsonSchema?: Converter }
  try {
    const text = JSON.stringify(jsonSchema?.[side]?.({ target: "draft-2020-12" }))
    if (text === undefined || text.length > jsonMax || forbidden.test(text)) return undefined
    return JSON.parse(text) as JsonSchema
  } catch {
    // A schema that JSON Schema has no words for.
    return undefined
  }
}
