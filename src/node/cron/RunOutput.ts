import type { CronOutput } from "../../protocol/CronMessages.ts"

/** Kept of what a run says, at each of both ends. */
export const keptBytes = 64 * 1024

/** The first and the last bytes of a stream, in bounded memory. */
export class RunOutput {
  #head = new Uint8Array(0)
  /** The last bytes behind the head; at most twice as many as are kept, so that not every piece moves all. */
  #tail = new Uint8Array(0)
  #tailBytes = 0
  bytes = 0

  /** What was kept of it before. */
  static of(head: Uint8Array, tail: Uint8Array, bytes: number): RunOutput {
    const output = new RunOutput()
    output.#head = head.slice()
    output.#keep(tail)
    output.bytes = bytes
    return output
  }

  push(piece: Uint8Array): void {
    this.bytes += piece.length
    const room = keptBytes - this.#head.length
    if (room > 0) {
      const longer = new Uint8Array(this.#head.length + Math.min(room, piece.length))
      longer.set(this.#head)
      longer.set(piece.subarray(0, room), this.#head.length)
      this.#head = longer
    }
    if (piece.length > room) this.#keep(piece.subarray(Math.max(0, room)))
  }

  get head(): Uint8Array {
    return this.#head
  }

  get tail(): Uint8Array {
    return this.#tail.subarray(Math.max(0, this.#tailBytes - keptBytes), this.#tailBytes)
  }

  #keep(piece: Uint8Array): void {
    const last = piece.subarray(Math.max(0, piece.length - keptBytes))
    if (this.#tailBytes + last.length > this.#tail.length) {
      const kept = this.tail.slice(Math.max(0, this.tail.length + last.length - 2 * keptBytes))
      const grown = new Uint8Array(Math.min(2 * keptBytes, Math.max(4_096, 2 * (kept.length + last.length))))
      grown.set(kept)
      this.#tail = grown
      this.#tailBytes = kept.length
    }
    this.#tail.set(last, this.#tailBytes)
    this.#tailBytes += last.length
  }
}

/** As text: what is no UTF-8, as a character that was cut in two, is shown as U+FFFD. */
export const outputText = (o: {
  readonly head: Uint8Array
  readonly tail: Uint8Array
  readonly bytes: number
}): CronOutput => {
  const decoder = new TextDecoder()
  const omitted = Math.max(0, o.bytes - o.head.length - o.tail.length)
  if (omitted > 0) return { head: decoder.decode(o.head), tail: decoder.decode(o.tail), omitted }
  // Nothing is left out, so a character may go over the middle.
  const whole = new Uint8Array(o.head.length + o.tail.length)
  whole.set(o.head)
  whole.set(o.tail, o.head.length)
  return { head: decoder.decode(whole), tail: "", omitted: 0 }
}
