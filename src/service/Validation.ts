import { RpcError } from "../protocol/RpcError.ts"
import type { AnySchema, Issue, Verdict } from "./StandardSchema.ts"

/** One thing that is wrong with a value, as the caller's program gets it in the error's details. */
interface Told {
  /** `[0].name`: the first argument's `name`. */
  readonly path: string
  readonly message: string
}

type Values = ReadonlyArray<unknown>
type Verdicts = Array<Verdict | Promise<Verdict>>

/** Issues that an error's details carry at most. */
const issuesMax = 100

/**
 * The arguments as the schemas make them. A promise only when a schema answers with one. Throws or rejects with
 * `invalid_argument`, not executed.
 */
export const checkArguments = (
  method: string,
  schemas: ReadonlyArray<AnySchema>,
  args: Values,
): Values | Promise<Values> => {
  if (args.length > schemas.length)
    throw new RpcError("invalid_argument", `"${method}" takes ${count(schemas.length)}, ${args.length} were given`, {
      executed: "no",
    })
  const values: Array<unknown> = []
  const verdicts: Verdicts = []
  let isSync = true
  for (const [index, schema] of schemas.entries()) {
    const verdict = verdictOf(schema, args[index])
    verdicts.push(verdict)
    if (verdict instanceof Promise) isSync = false
    else if (verdict.issues === undefined) values.push(verdict.value)
    // One argument is the rule, and a good one must cost no more than its schema.
    else if (schemas.length === 1) throw badArguments(method, args, [verdict])
  }
  if (!isSync) return Promise.all(verdicts).then((settled) => valuesOf(method, args, settled))
  return values.length === schemas.length ? values : valuesOf(method, args, verdicts as ReadonlyArray<Verdict>)
}

const verdictOf = (schema: AnySchema, value: unknown): Verdict | Promise<Verdict> => {
  const standard = schema["~standard"]
  const verdict = standard.validate(value)
  if (value !== null || verdict instanceof Promise || verdict.issues === undefined) return verdict
  // An argument that the caller left out in the middle comes as null.
  const without = standard.validate(undefined)
  return without instanceof Promise || without.issues !== undefined ? verdict : without
}

const count = (arguments_: number) =>
  arguments_ === 0 ? "no arguments" : arguments_ === 1 ? "one argument" : `${arguments_} arguments`

const valuesOf = (method: string, args: Values, verdicts: ReadonlyArray<Verdict>): Values => {
  if (verdicts.some(({ issues }) => issues !== undefined)) throw badArguments(method, args, verdicts)
  return verdicts.map((verdict) => ("value" in verdict ? verdict.value : undefined))
}

const badArguments = (method: string, args: Values, verdicts: ReadonlyArray<Verdict>): RpcError => {
  const told = verdicts.flatMap(({ issues = [] }, index) => issues.map((issue) => tell(issue, [index], args)))
  return new RpcError("invalid_argument", `"${method}": ${sentence(told)}`, {
    executed: "no",
    details: { issues: told.slice(0, issuesMax) },
  })
}

/**
 * The result as its schema makes it, or a promise of it. Throws or rejects with `internal`: what is wrong is the
 * service's fault, not the caller's.
 */
export const checkResult = (method: string, schema: AnySchema, result: unknown): unknown => {
  const verdict = schema["~standard"].validate(result)
  const use = (settled: Verdict): unknown => {
    if (settled.issues === undefined) return settled.value
    const told = settled.issues.map((issue) => tell(issue, [], result))
    throw new RpcError("internal", `The result of "${method}" is not what its schema says: ${sentence(told)}`, {
      details: { issues: told.slice(0, issuesMax) },
    })
  }
  return verdict instanceof Promise ? verdict.then(use) : use(verdict)
}

const sentence = (told: ReadonlyArray<Told>): string => {
  const [first] = told
  if (first === undefined) return "it is invalid"
  const more = told.length - 1
  const at = first.path === "" ? "" : `${first.path}: `
  return `${at}${first.message}${more === 0 ? "" : ` (and ${more} more)`}`
}

const tell = (issue: Issue, before: ReadonlyArray<PropertyKey>, root: unknown): Told => {
  const steps = [...before, ...(issue.path ?? []).map((step) => (typeof step === "object" ? step.key : step))]
  return { path: pathText(steps), message: `${issue.message}, given ${show(valueAt(root, steps))}` }
}

const identifier = /^[A-Za-z_$][\w$]*$/

const pathText = (steps: ReadonlyArray<PropertyKey>): string =>
  steps
    .map((step, index) => {
      if (typeof step === "string" && identifier.test(step)) return index === 0 ? step : `.${step}`
      return `[${typeof step === "string" ? JSON.stringify(step) : String(step)}]`
    })
    .join("")

const valueAt = (root: unknown, steps: ReadonlyArray<PropertyKey>): unknown => {
  let value = root
  for (const step of steps) {
    if (typeof value !== "object" || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  return value
}

const shownMax = 80

const show = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (value instanceof Uint8Array) return `${value.length} bytes`
  const text = jsonOf(value) ?? typeof value
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`
}

const jsonOf = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
