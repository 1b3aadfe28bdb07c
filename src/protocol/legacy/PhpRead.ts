import { DecodeError } from "../Decode.ts"
import { valueLimits } from "../Limits.ts"
import { isForbiddenKey } from "../Value.ts"

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const byte = {
  quote: 0x22,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  semicolon: 0x3b,
  open: 0x7b,
  close: 0x7d,
} as const

const digitsMax = 20
const floatCharsMax = 64
const floatPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const floatNames: Readonly<Record<string, number>> = { INF: Infinity, "-INF": -Infinity, NAN: NaN }

/**
 * Reads what PHP's `serialize` writes, as far as it is plain data: null, booleans, integers, floats, strings and arrays.
 * Objects and references are refused: nothing of a class is ever made of what came from outside.
 */
class PhpReader {
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #end: number
  #at: number
  #itemsLeft: number = valueLimits.items

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#start = this.#at = start
    this.#end = end
  }

  whole(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#end) throw this.#fault("bytes follow the value")
    return value
  }

  #fault(reason: string) {
    return new DecodeError(reason, this.#at - this.#start)
  }

  #value(depth: number): unknown {
    if (--this.#itemsLeft < 0) throw this.#fault(`more than ${valueLimits.items} items`)
    const type = String.fromCharCode(this.#next())
    switch (type) {
      case "N":
        this.#expect(byte.semicolon)
        return null
      case "b":
        return this.#boolean()
      case "i":
        this.#expect(byte.colon)
        return this.#integer()
      case "d":
        return this.#float()
      case "s":
        return this.#string()
      case "a":
        return this.#array(depth)
      default:
        throw this.#refused(type)
    }
  }

  #refused(type: string) {
    this.#at--
    if ("OCE".includes(type)) return this.#fault("objects are not taken")
    if ("Rr".includes(type)) return this.#fault("references are not taken")
    return this.#fault(`${JSON.stringify(type)} is no type`)
  }

  #next(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined || this.#at >= this.#end) throw this.#fault("the body ends too early")
    this.#at++
    return value
  }

  #expect(wanted: number): void {
    if (this.#next() === wanted) return
    this.#at--
    throw this.#fault(`${JSON.stringify(String.fromCharCode(wanted))} was expected`)
  }

  #boolean(): boolean {
    this.#expect(byte.colon)
    const digit = this.#next() - byte.zero
    if (digit !== 0 && digit !== 1) throw this.#fault("a boolean is 0 or 1")
    this.#expect(byte.semicolon)
    return digit === 1
  }

  /** Digits up to and including `last`. */
  #digits(last: number): number {
    let value = 0
    for (let count = 0; ; count++) {
      const digit = this.#next()
      if (digit === last && count > 0) return value
      if (digit < byte.zero || digit > byte.nine || count >= digitsMax) throw this.#fault("a number was expected")
      value = value * 10 + (digit - byte.zero)
    }
  }

  #integer(): number {
    const isNegative = this.#bytes[this.#at] === byte.minus
    if (isNegative) this.#at++
    const value = this.#digits(byte.semicolon)
    if (value > Number.MAX_SAFE_INTEGER) throw this.#fault("the integer is beyond 2^53 - 1")
    // Not -0, which PHP does not know.
    return isNegative && value !== 0 ? -value : value
  }

  #float(): number {
    this.#expect(byte.colon)
    let text = ""
    for (let code = this.#next(); code !== byte.semicolon; code = this.#next()) {
      if (text.length >= floatCharsMax) throw this.#fault("a number was expected")
      text += String.fromCharCode(code)
    }
    const named = floatNames[text]
    if (named !== undefined) return named
    if (!floatPattern.test(text)) throw this.#fault("a number was expected")
    return Number(text)
  }

  #string(): string | Uint8Array {
    this.#expect(byte.colon)
    const length = this.#digits(byte.colon)
    this.#expect(byte.quote)
    if (length > this.#end - this.#at) throw this.#fault("the body ends too early")
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    this.#expect(byte.quote)
    this.#expect(byte.semicolon)
    try {
      return utf8.decode(bytes)
    } catch {
      // PHP's strings are bytes: what is no text is given as such.
      return new Uint8Array(bytes)
    }
  }

  /** A list when its keys are 0, 1, 2 … in this order, as PHP itself sees it; else a map, whose keys are texts. */
  #array(depth: number): unknown {
    if (depth >= valueLimits.depth) throw this.#fault(`deeper than ${valueLimits.depth}`)
    this.#expect(byte.colon)
    const length = this.#digits(byte.colon)
    this.#expect(byte.open)
    // The shortest entry is `i:0;N;`.
    if (length * 6 > this.#end - this.#at) throw this.#fault("the body ends too early")
    const list: Array<unknown> = []
    let map: Record<string, unknown> | undefined
    for (let index = 0; index < length; index++) {
      const from = this.#at
      const key = this.#key()
      if (map === undefined && key === index) {
        list.push(this.#value(depth + 1))
        continue
      }
      map ??= Object.fromEntries(list.entries())
      const name = String(key)
      if (Object.hasOwn(map, name)) throw this.#keyFault(from, `the key ${JSON.stringify(name)} comes twice`)
      if (isForbiddenKey(name)) throw this.#keyFault(from, `the key ${JSON.stringify(name)} is not allowed`)
      map[name] = this.#value(depth + 1)
    }
    this.#expect(byte.close)
    return map ?? list
  }

  #key(): string | number {
    if (--this.#itemsLeft < 0) throw this.#fault(`more than ${valueLimits.items} items`)
    const from = this.#at
    const type = String.fromCharCode(this.#next())
    if (type === "i") {
      this.#expect(byte.colon)
      return this.#integer()
    }
    if (type !== "s") throw this.#keyFault(from, "a key is an integer or a text")
    const key = this.#string()
    if (typeof key !== "string") throw this.#keyFault(from, "a key is not valid UTF-8")
    return key
  }

  #keyFault(from: number, reason: string) {
    this.#at = from
    return this.#fault(reason)
  }
}

/** Exactly one value; whatever it can't be is a DecodeError. */
export const readPhp = (bytes: Uint8Array, start = 0, end = bytes.length): unknown =>
  new PhpReader(bytes, start, end).whole()
