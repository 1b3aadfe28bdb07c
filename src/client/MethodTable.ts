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
  readonly #idempotent: ReadonlySet<string>
  /** What the server that was reached last says. */
  #told: ReadonlySet<string> = new Set()
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
    const name = normal(method)
    return this.#idempotent.has(name) || this.#told.has(name)
  }

  /** A server has said which of its methods are idempotent: after a new version of it others no longer are. */
  learn(methods: ReadonlyArray<string>): void {
    this.#told = new Set(methods.map(normal))
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
