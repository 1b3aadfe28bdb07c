type UserFunction = (...args: ReadonlyArray<unknown>) => unknown

/** The methods of a service by name: `function` or `Class.method`. */
export type MethodTable = ReadonlyMap<string, UserFunction>

const isFunction = (value: unknown): value is UserFunction => typeof value === "function"

const isClass = (value: UserFunction) => /^class\b/.test(Function.prototype.toString.call(value))

/** A function that can be called without `new`. */
const isPlain = (value: unknown): value is UserFunction => isFunction(value) && !isClass(value)

const isGroup = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Names that a call may use. What begins with an underscore is the module's own business. */
const isCallable = (name: string) => /^[A-Za-z$][\w$]*$/.test(name) && name !== "constructor" && name !== "prototype"

/**
 * The functions of a class or object, also inherited ones, bound to their owner so that `this` works in them. Getters
 * are not run.
 */
const membersOf = (owner: object): ReadonlyArray<readonly [string, UserFunction]> => {
  const found = new Map<string, UserFunction>()
  const ends = new Set<object | null>([null, Object.prototype, Function.prototype])
  for (let level: object | null = owner; !ends.has(level); level = Object.getPrototypeOf(level) as object | null) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(level ?? {}))) {
      const value: unknown = property.value
      if (isCallable(name) && !found.has(name) && isPlain(value)) found.set(name, value.bind(owner) as UserFunction)
    }
  }
  return [...found]
}

const methodsOf = (name: string, value: unknown): ReadonlyArray<readonly [string, UserFunction]> => {
  if (isPlain(value)) return [[name, value]]
  if (!isFunction(value) && !isGroup(value)) return []
  return membersOf(value).map(([member, method]) => [`${name}.${member}`, method])
}

/** A default export is a namespace of exports: its members count as if they were exported by name. */
const defaultMethods = (value: unknown): ReadonlyArray<readonly [string, UserFunction]> => {
  if (isFunction(value) && value.name !== "" && value.name !== "default") return methodsOf(value.name, value)
  if (!isGroup(value)) return []
  const nested = Object.entries(value).flatMap(([name, member]) => (isCallable(name) ? methodsOf(name, member) : []))
  return [...membersOf(value), ...nested.filter(([name]) => name.includes("."))]
}

/**
 * What a module's exports offer to callers: functions by name, static methods of classes and functions of objects as
 * `Name.method`, and the same of the members of a default export. A named export wins over a default one.
 */
export const methodTable = (exports: Readonly<Record<string, unknown>>): MethodTable => {
  const table = new Map<string, UserFunction>()
  const named = Object.entries(exports).filter(([name]) => name !== "default" && isCallable(name))
  for (const [name, method] of defaultMethods(exports["default"])) table.set(name, method)
  for (const [name, value] of named) for (const [key, method] of methodsOf(name, value)) table.set(key, method)
  return table
}
