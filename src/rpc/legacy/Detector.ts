import type { Duplex } from "../../platform/Transport.ts"
import { type Dialect, dialectOf, tellingBytes } from "../../protocol/legacy/LegacyFrames.ts"
import { now } from "../Deadlines.ts"
import { beginSweep, endSweep, type Swept } from "../Sweep.ts"

export interface Detected {
  /** Undefined: muster/1. */
  readonly dialect: Dialect | undefined
  /** It is not known, as too little came in time. */
  readonly isLate: boolean
  /** What has come. */
  readonly bytes: Uint8Array
}

export interface DetectorOptions {
  /** So long the first bytes may take. */
  readonly helloMs: number
  /** Called once. */
  found(what: Detected): void
  /** It was closed before it was known. */
  gone(): void
}

/** Waits for the fifth byte of a new connection, and hands it on: from then on nothing of this is in the way. */
export class Detector implements Swept {
  readonly #options: DetectorOptions
  #bytes: Uint8Array = new Uint8Array(0)
  #openedAt = now()
  #isDone = false

  constructor(duplex: Duplex, options: DetectorOptions) {
    this.#options = options
    beginSweep(this)
    duplex.handle({
      data: (chunk) => this.#data(chunk),
      drain: () => undefined,
      close: () => {
        if (this.#finish()) options.gone()
      },
    })
  }

  /** Hands it on as it is: the server leaves. */
  giveUp(): void {
    this.#found(true)
  }

  sweep(time: number, pausedMs: number): boolean {
    this.#openedAt += pausedMs
    if (time - this.#openedAt > this.#options.helloMs) this.#found(true)
    return true
  }

  #data(chunk: Uint8Array): void {
    if (this.#isDone) return
    const joined = new Uint8Array(this.#bytes.length + chunk.length)
    joined.set(this.#bytes)
    joined.set(chunk, this.#bytes.length)
    this.#bytes = joined
    if (joined.length >= tellingBytes) this.#found(false)
  }

  #found(isLate: boolean): void {
    const dialect = isLate ? undefined : dialectOf(this.#bytes[tellingBytes - 1])
    if (this.#finish()) this.#options.found({ dialect, isLate, bytes: this.#bytes })
  }

  #finish(): boolean {
    if (this.#isDone) return false
    this.#isDone = true
    endSweep(this)
    return true
  }
}
