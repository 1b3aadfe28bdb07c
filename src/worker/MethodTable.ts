import type { Interceptor } from "../rpc/Interceptor.ts"
import type { CallContext } from "../service/CallContext.ts"
import { isMethod, type Method } from "../service/Method.ts"

export type UserFunction = (...args: ReadonlyArray<unknown>) => unknown

/** One method as a module exports it. */
export interface ExportedMethod {
  /** As the module has it, so that its source names its parameters. */
  readonly run: UserFunction
  /** `this` of the function; undefined for one that stands alone. */
  readonly owner: object | undefined
  /** What `method()` was told; undefined for a plain function. */
  readonly details: Method | undefined
}

/** The methods of a service by name: `function` or `Class.method`. */
export type MethodTable = ReadonlyMap<string, ExportedMethod>

type Found = ReadonlyArray<readonly [string, ExportedMethod]>

/** Exports that are no methods: what runs before the first call, the queued tasks, and what stands around each call. */
const ownExports: ReadonlySet<string> = new Set(["ready", "tasks", "interceptors"])

/** What every service answers by itself. */
const builtInMethods: ReadonlySet<string> = new Set(["ping", "methods", "stats"])

const isFunction = (value: unknown): value is UserFunction => typeof value === "function"

const isClass = (value: UserFunction) => /^class\b/.test(Function.prototype.toString.call(value))

/** A function that can be called without `new`. */
const isPlain = (value: unknown): value is UserFunction => isFunction(value) && !isClass(value)

const isGroup = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Names that a call may use. What begins with an underscore is the module's own business. */
const isCallable = (name: string) => /^[A-Za-z$][\w$]*$/.test(name) && name !== "constructor" && name !== "prototype"

const exported = (value: unknown, owner: object | undefined): ExportedMethod | undefined => {
  if (isMethod(value)) return { run: value.handler, owner, details: value }
  return isPlain(value) ? { run: value, owner, details: undefined } : undefined
}

/**
 * The functions of a class or object, also inherited ones, with their owner so that `this` works in them. Getters are not
 * run.
 */
const membersOf = (owner: object): Found => {
  const found = new Map<string, ExportedMethod>()
  const ends = new Set<object | null>([null, Object.prototype, Function.prototype])
  for (let level: object | null = owner; !ends.has(level); level = Object.getPrototypeOf(level) as object | null) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(level ?? {}))) {
      const method = exported(property.value as unknown, owner)
      if (isCallable(name) && !found.has(name) && method !== undefined) found.set(name, method)
    }
  }
  return [...found]
}

const methodsOf = (name: string, value: unknown): Found => {
  const alone = exported(value, undefined)
  if (alone !== undefined) return [[name, alone]]
  if (!isFunction(value) && !isGroup(value)) return []
  return membersOf(value).map(([member, method]) => [`${name}.${member}`, method])
}

/** A default export is a namespace of exports: its members count as if they were exported by name. */
const defaultMethods = (value: unknown): Found => {
  if (isFunction(value) && value.name !== "" && value.name !== "default") return methodsOf(value.name, value)
  if (!isGroup(value)) return []
  const nested = Object.entries(value).flatMap(([name, member]) => (isCallable(name) ? methodsOf(name, member) : []))
  return [...membersOf(value), ...nested.filter(([name]) => name.includes("."))]
}

const isOwn = (name: string) => ownExports.has(name.split(".")[0] ?? "")

type Exports = Readonly<Record<string, unknown>>

/**
 * What a module's exports offer to callers: functions by name, static methods of classes and functions of objects as
 * `Name.method`, and the same of the members of a default export. A named export wins over a default one.
 * `reserved`: names that the module exports in vain, since every service answers them itself.
 */
export const methodTable = (exports: Exports): { methods: MethodTable; reserved: ReadonlyArray<string> } => {
  const table = new Map<string, ExportedMethod>()
  const named = Object.entries(exports).filter(([name]) => name !== "default" && isCallable(name))
  const found = [...defaultMethods(exports["default"]), ...named.flatMap(([name, value]) => methodsOf(name, value))]
  for (const [name, method] of found) if (!isOwn(name)) table.set(name, method)
  const reserved = [...table.keys()].filter((name) => builtInMethods.has(name))
  for (const name of reserved) table.delete(name)
  return { methods: table, reserved }
}

/** An export by name, else the default export's member of that name. */
const ownExport = (exports: Exports, name: string): unknown => {
  const fallback = exports["default"]
  return exports[name] ?? (isGroup(fallback) ? (fallback as Exports)[name] : undefined)
}

/** What the module wants done before it gets its first call. */
export const readyOf = (exports: Exports): (() => unknown) | undefined => {
  const ready = ownExport(exports, "ready")
  return isPlain(ready) ? () => ready() : undefined
}

/** What the module wants to stand around each of its calls, the outermost first. */
export const interceptorsOf = (exports: Exports): ReadonlyArray<Interceptor<CallContext>> => {
  const interceptors = ownExport(exports, "interceptors")
  return Array.isArray(interceptors) ? interceptors.filter(isInterceptor) : []
}

const isInterceptor = (value: unknown): value is Interceptor<CallContext> => isPlain(value)

/** The queued tasks that the module can run, by name. */
export const tasksOf = (exports: Exports): ReadonlyMap<string, UserFunction> => {
  const tasks = ownExport(exports, "tasks")
  if (!isGroup(tasks)) return new Map()
  return new Map(
    membersOf(tasks).map(([name, { run }]) => [name, (...args) => run.apply(tasks, args as Array<unknown>)]),
  )
}
