import type { CallContext } from "./CallContext.ts"
import { type AnySchema, type InputOf, isSchema, type OutputOf } from "./StandardSchema.ts"

/** The schema of the only argument, or one for each argument. */
export type InputSchemas = AnySchema | ReadonlyArray<AnySchema>

type ArgumentsOf<Input extends InputSchemas> = Input extends AnySchema
  ? [OutputOf<Input>]
  : Input extends ReadonlyArray<AnySchema>
    ? { -readonly [Index in keyof Input]: OutputOf<Extract<Input[Index], AnySchema>> }
    : never

/** What a handler may answer: the value, a promise of it, or for a stream an iterable of such values. */
type Answer<Value> = Value | Promise<Value> | AsyncIterable<Value> | Iterable<Value>

/** What a method says of itself beside its handler. */
export interface MethodDetails {
  /** A sentence for people who look the method up. */
  readonly description?: string | undefined
  /** Calling it twice does no harm: clients may repeat it by themselves. Default false. */
  readonly idempotent?: boolean | undefined
  /** Calls of it that run at once in one worker, unless the process spec says otherwise. More are refused. */
  readonly concurrency?: number | undefined
}

const mark = Symbol.for("muster.method")

/** An exported method that says more of itself than a function does. Made by `method`. */
export interface Method<Handler = unknown> extends MethodDetails {
  readonly [mark]: true
  readonly input: InputSchemas | undefined
  readonly output: AnySchema | undefined
  /** As it was given: for calling it in a test. */
  readonly handler: Handler
}

interface CheckedMethod<Input extends InputSchemas, Output extends AnySchema> extends MethodDetails {
  /** Arguments that these schemas refuse are `invalid_argument`, and the handler is not run. */
  readonly input: Input
  /** A result that it refuses is `internal`. It is what the schema makes of the result that is sent. */
  readonly output?: Output | undefined
  /** Given what the schemas made of the arguments, and last the context of the call. */
  readonly handler: (...args: [...ArgumentsOf<Input>, ctx: CallContext]) => Answer<InputOf<Output>>
}

interface FreeMethod<Args extends ReadonlyArray<unknown>, Output extends AnySchema> extends MethodDetails {
  readonly input?: undefined
  readonly output?: Output | undefined
  /** Given the arguments as they come; `context()` gives the context of the call. */
  readonly handler: (...args: Args) => Answer<InputOf<Output>>
}

interface MethodMaker {
  <const Input extends InputSchemas, Output extends AnySchema = AnySchema>(
    options: CheckedMethod<Input, Output>,
  ): Method<CheckedMethod<Input, Output>["handler"]>
  <Args extends ReadonlyArray<unknown>, Output extends AnySchema = AnySchema>(
    options: FreeMethod<Args, Output>,
  ): Method<FreeMethod<Args, Output>["handler"]>
}

/**
 * A method with schemas, of Effect (`Schema.toStandardSchemaV1`), Zod, Valibot or any other library that speaks Standard
 * Schema, and with what clients should know of it:
 *
 *     export const resize = method({ input: Size, idempotent: true, handler: (size, ctx) => … })
 */
export const method: MethodMaker = (
  options: MethodDetails & { input?: unknown; output?: unknown; handler: unknown },
) => {
  const { concurrency, handler, input, output } = options
  inputsOf(input)
  if (output !== undefined && !isSchema(output)) throw new TypeError("method({ output }): expected a Standard Schema")
  if (typeof handler !== "function") throw new TypeError("method({ handler }): the handler is not a function")
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
    throw new TypeError(`method({ concurrency: ${concurrency} }): expected a whole number from 1`)
  return Object.freeze({ ...options, [mark]: true }) as never
}

export const isMethod = (value: unknown): value is Method<(...args: ReadonlyArray<unknown>) => unknown> =>
  typeof value === "object" && value !== null && mark in value

/** One schema for each argument; undefined for a method that takes them as they come. */
export const inputsOf = (input: unknown): ReadonlyArray<AnySchema> | undefined => {
  if (input === undefined) return undefined
  const schemas: ReadonlyArray<unknown> = Array.isArray(input) ? input : [input]
  if (schemas.every(isSchema)) return schemas
  throw new TypeError("method({ input }): expected a Standard Schema, or a list of them")
}
