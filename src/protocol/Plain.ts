import { EncodeError } from "./EncodeError.ts"
import { valueLimits } from "./Limits.ts"
import { isForbiddenKey } from "./Value.ts"

let itemsLeft = 0

/**
 * The value as it may go to the encoder: the same one when it holds nothing but what muster/1 knows, which is nearly
 * always, else a copy. `undefined` becomes null in a list and is left out of an object; an object's `toJSON` is asked,
 * as JSON does (so a Date becomes its ISO text). What has no form throws an EncodeError.
 */
export const plain = (value: unknown): unknown => {
  itemsLeft = valueLimits.items
  return isPlain(value, 0) ? value : copy(value, 0)
}

/** Checks without allocating; false when a copy is needed. */
const isPlain = (value: unknown, depth: number): boolean => {
  countItem()
  switch (typeof value) {
    case "string":
      return wellFormed(value)
    case "number":
    case "boolean":
      return true
    case "undefined":
      return false
    case "object":
      return value === null || isPlainObject(value, depth)
    default:
      throw new EncodeError(`a ${typeof value} has no form in muster/1`)
  }
}

const isPlainObject = (value: object, depth: number): boolean => {
  checkDepth(depth)
  if (Array.isArray(value)) {
    for (const item of value) if (!isPlain(item, depth + 1)) return false
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value instanceof Uint8Array
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key]
    if (item === undefined || typeof item === "function") return false
    checkKey(key)
    if (!isPlain(item, depth + 1)) return false
  }
  return true
}

const copy = (value: unknown, depth: number): unknown => {
  // Counted anew: the check before it stopped somewhere in the middle.
  if (depth === 0) itemsLeft = valueLimits.items
  if (value === undefined) return countItem()
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) {
    isPlain(value, depth)
    return value
  }
  checkDepth(depth)
  if (Array.isArray(value)) {
    countItem()
    // `from` fills the holes of a sparse list too.
    return Array.from(value, (item) => copy(item, depth + 1))
  }
  // A level deeper, so that a toJSON that gives itself comes to an end.
  if ("toJSON" in value && typeof value.toJSON === "function") return copy(value.toJSON(), depth + 1)
  if (hasOwnForm(value)) throw new EncodeError(`a ${value.constructor.name} has no form in muster/1`)
  countItem()
  return copyEntries(value as Record<string, unknown>, depth)
}

const copyEntries = (value: Record<string, unknown>, depth: number): Record<string, unknown> => {
  const entries: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const item = value[key]
    if (item === undefined) continue
    checkKey(key)
    entries[key] = copy(item, depth + 1)
  }
  return entries
}

const countItem = (): null => {
  if (--itemsLeft < 0) throw new EncodeError(`a value has more than ${valueLimits.items} items`)
  return null
}

const checkDepth = (depth: number): void => {
  if (depth >= valueLimits.depth) throw new EncodeError(`a value is nested deeper than ${valueLimits.depth}`)
}

const checkKey = (key: string): void => {
  countItem()
  if (isForbiddenKey(key)) throw new EncodeError(`the key "${key}" is not allowed`)
  wellFormed(key)
}

const wellFormed = (text: string): true => {
  if (!text.isWellFormed()) throw new EncodeError("a text is not well-formed Unicode")
  return true
}

/** What would silently become an empty object. */
const hasOwnForm = (value: object): boolean =>
  value instanceof Map ||
  value instanceof Set ||
  value instanceof Error ||
  value instanceof Promise ||
  value instanceof RegExp ||
  value instanceof WeakMap ||
  value instanceof WeakSet ||
  value instanceof ArrayBuffer ||
  ArrayBuffer.isView(value)
