import { errorColumns, isErrorTerminal, writeError } from "../platform/Env.ts"
import { cut } from "./Table.ts"

const everyMs = 200
/** What is over sooner needs no line. */
const quietMs = 1_000

/** One line on stderr that is written again and again, where stderr is a terminal; nothing elsewhere. */
export class Progress {
  readonly isShown = isErrorTerminal()
  #next = performance.now() + quietMs
  #isThere = false

  /** `line` is asked for when it is time to show it. */
  show(line: () => string): void {
    if (!this.isShown) return
    const now = performance.now()
    if (now < this.#next) return
    this.#next = now + everyMs
    this.#isThere = true
    const columns = errorColumns()
    // A line that the terminal wraps can't be written again.
    writeError(`\r\u001b[K${cut(line(), columns - 1)}`)
  }

  /** Takes the line away, for what is printed next. */
  clear(): void {
    if (this.#isThere) writeError("\r\u001b[K")
    this.#isThere = false
  }
}
