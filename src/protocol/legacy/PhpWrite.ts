import { Writer } from "../Encode.ts"
import { plain } from "../Plain.ts"

const utf8 = new TextEncoder()

/** A key that PHP itself turns into an integer. */
const isIntegerKey = (key: string) =>
  /^(?:0|-?[1-9]\d{0,18})$/.test(key) && BigInt.asIntN(64, BigInt(key)) === BigInt(key)

const hasLineEnd = (bytes: Uint8Array): boolean => {
  for (let at = bytes.indexOf(0x0d); at >= 0; at = bytes.indexOf(0x0d, at + 1)) if (bytes[at + 1] === 0x0a) return true
  return false
}

const floatText = (value: number): string => {
  if (Number.isNaN(value)) return "NAN"
  if (!Number.isFinite(value)) return value > 0 ? "INF" : "-INF"
  return String(value).replace("e", "E")
}

/** Writes values as PHP's `serialize` does. */
class PhpWriter {
  readonly #out: Writer

  constructor(limit: number) {
    this.#out = new Writer()
    this.#out.limit = limit
  }

  get bytes(): Uint8Array {
    this.#out.checkLimit()
    return this.#out.bytes.subarray(0, this.#out.length)
  }

  value(value: unknown): void {
    switch (typeof value) {
      case "boolean":
        return this.#text(value ? "b:1;" : "b:0;")
      case "number":
        return this.#number(value)
      case "string":
        return this.#string(utf8.encode(value))
      case "object":
        return this.#object(value)
      default:
        return this.#text("N;")
    }
  }

  #number(value: number): void {
    this.#text(Number.isSafeInteger(value) ? `i:${value};` : `d:${floatText(value)};`)
  }

  #object(value: object | null): void {
    if (value === null) return this.#text("N;")
    if (value instanceof Uint8Array) return this.#string(value)
    if (Array.isArray(value)) return this.#list(value)
    const entries = Object.entries(value)
    this.#text(`a:${entries.length}:{`)
    for (const [key, item] of entries) {
      if (isIntegerKey(key)) this.#text(`i:${key};`)
      else this.#string(utf8.encode(key))
      this.value(item)
    }
    this.#text("}")
  }

  #list(list: ReadonlyArray<unknown>): void {
    this.#text(`a:${list.length}:{`)
    list.forEach((item, index) => {
      this.#text(`i:${index};`)
      this.value(item)
    })
    this.#text("}")
  }

  #string(bytes: Uint8Array): void {
    if (hasLineEnd(bytes)) return this.#escaped(bytes)
    this.#text(`s:${bytes.length}:"`)
    this.#out.raw(bytes)
    this.#text(`";`)
  }

  /**
   * PHP's own form for strings with escapes. Its clients cut an answer at the first CRLF, so none may stand in it.
   * `length` counts the bytes that the escapes stand for.
   */
  #escaped(bytes: Uint8Array): void {
    this.#text(`S:${bytes.length}:"`)
    for (const code of bytes) {
      if (code === 0x0d) this.#text("\\0d")
      else if (code === 0x5c) this.#text("\\5c")
      else this.#out.uint8(code)
    }
    this.#text(`";`)
  }

  #text(text: string): void {
    const out = this.#out
    out.reserve(text.length)
    for (let index = 0; index < text.length; index++) out.bytes[out.length + index] = text.charCodeAt(index)
    out.length += text.length
  }
}

/** The value in PHP's form, without any CRLF; an EncodeError when it has none or takes more than `limit` bytes. */
export const writePhp = (value: unknown, limit = Number.MAX_SAFE_INTEGER): Uint8Array => {
  const writer = new PhpWriter(limit)
  writer.value(plain(value))
  return writer.bytes
}
