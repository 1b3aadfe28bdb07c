import { usualAfter } from "../domain/Balance.ts"

/** What a client knows of one method. */
export class MethodNote {
  /** Milliseconds; `undefined` before the first answer. */
  usualMs: number | undefined

  took(ms: number): void {
    this.usualMs = usualAfter(this.usualMs, ms)
  }
}

const notesMax = 1_000

/** The methods of a service that a client has called. `Class::method` is `Class.method`. */
export class MethodTable {
  readonly #idempotent: Set<string>
  readonly #notes = new Map<string, MethodNote>()
  /** Of all methods above the limit. */
  readonly #others = new MethodNote()

  constructor(idempotent: ReadonlyArray<string>) {
    this.#idempotent = new Set(idempotent.map(normal))
  }

  of(method: string): MethodNote {
    return this.#notes.get(method) ?? this.#add(method)
  }

  /** Whether running it twice does what running it once does. */
  isIdempotent(method: string): boolean {
    return this.#idempotent.has(normal(method))
  }

  /** A server has said which of its methods are idempotent. */
  learn(methods: ReadonlyArray<string>): void {
    for (const method of methods) if (this.#idempotent.size < notesMax) this.#idempotent.add(normal(method))
  }

  /** The usual time of each method in milliseconds. */
  usual(): Readonly<Record<string, number>> {
    return Object.fromEntries(Array.from(this.#notes, ([method, { usualMs }]) => [method, usualMs ?? 0]))
  }

  #add(method: string): MethodNote {
    if (this.#notes.size >= notesMax) return this.#others
    const note = new MethodNote()
    this.#notes.set(method, note)
    return note
  }
}

const normal = (method: string) => method.replaceAll("::", ".")
