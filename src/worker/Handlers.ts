import type { Handler, ServerCall } from "../rpc/Handler.ts"
import { type Interceptor, intercepted } from "../rpc/Interceptor.ts"
import { type CallContext, contextOf, runWithin } from "../service/CallContext.ts"
import { inputsOf } from "../service/Method.ts"
import type { AnySchema } from "../service/StandardSchema.ts"
import { checkArguments, checkResult } from "../service/Validation.ts"
import { Items } from "./Items.ts"
import type { ExportedMethod, UserFunction } from "./MethodTable.ts"
import { parametersOf } from "./Parameters.ts"
import { isStream } from "./Reflect.ts"

type Run = (args: ReadonlyArray<unknown>, call: ServerCall) => unknown

/** The way from a request to the module's function and back. What a method does not ask for, its calls don't pay. */
export const handlerOf = (name: string, method: ExportedMethod): Handler => {
  const { details, run } = method
  const start = isStream(run) ? streamStart(method) : plainStart(method)
  const schemas = inputsOf(details?.input)
  const checked = schemas === undefined ? start : checkedStart(name, start, { schemas, run })
  const output = details?.output
  return output === undefined ? checked : checkedEnd(name, checked, output)
}

const plainStart =
  ({ owner, run }: ExportedMethod): Run =>
  (args, call) =>
    runWithin(call, run, owner, args)

/** A generator's body begins to run with its first item. */
const streamStart =
  ({ owner, run }: ExportedMethod): Run =>
  (args, call) =>
    new Items(call, run.apply(owner, args as Array<unknown>) as AsyncIterator<unknown, unknown>, undefined)

type Around = { readonly service: string; readonly interceptors: ReadonlyArray<Interceptor<CallContext>> }

/** The handler within the module's interceptors; without any it is the same. */
export const withinInterceptors = (method: string, handle: Handler, { interceptors, service }: Around): Handler => {
  if (interceptors.length === 0) return handle
  return (args, call) => {
    const run = intercepted(interceptors, async (inner) => await handle(inner.args, call))
    return run?.({ service, method, args, settings: contextOf(call) })
  }
}

type Checked = { readonly schemas: ReadonlyArray<AnySchema>; readonly run: UserFunction }

const checkedStart = (name: string, start: Run, { run, schemas }: Checked): Run => {
  const { parameters, rest } = parametersOf(run)
  const wantsContext = rest || parameters.length > schemas.length
  const begin: Run = wantsContext ? (values, call) => start([...values, contextOf(call)], call) : start
  return (args, call) => {
    const values = checkArguments(name, schemas, args)
    return values instanceof Promise ? values.then((settled) => begin(settled, call)) : begin(values, call)
  }
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value

const checkedEnd = (name: string, run: Run, output: AnySchema): Run => {
  const check = (value: unknown) => checkResult(name, output, value)
  const settle = (result: unknown, call: ServerCall): unknown =>
    isIterable(result) ? new Items(call, result[Symbol.asyncIterator](), check) : check(result)
  return (args, call) => {
    const result = run(args, call)
    return result instanceof Promise ? result.then((value) => settle(value, call)) : settle(result, call)
  }
}
