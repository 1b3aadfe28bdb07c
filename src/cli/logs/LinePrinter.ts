import { type LogText, type LogTextLevel, readLogText } from "../../domain/LogText.ts"
import { localTime } from "../../platform/Time.ts"
import { escape } from "../OneLine.ts"

/** A line as the manager tells it. */
export type ShownLine = {
  readonly at: number
  readonly node: string
  readonly place: string
  readonly stream: "out" | "err"
  readonly text: string
}

const levelColours: Readonly<Record<LogTextLevel, number>> = { ERROR: 31, WARN: 33, INFO: 32, DEBUG: 34 }
const dim = 2
const red = 31
/** By which instances are told apart. */
const sideColours = [36, 35, 34, 32, 33, 96, 95, 94]

/** Log lines for a person: `2026-11-26 05:17:51.123 web-01/0 INFO  resized  width=640`. */
export class LinePrinter {
  readonly #colours: boolean
  readonly #isTerminal: boolean
  readonly #sides = new Map<string, number>()

  constructor({ colours, isTerminal }: { readonly colours: boolean; readonly isTerminal: boolean }) {
    this.#colours = colours
    this.#isTerminal = isTerminal
  }

  line(shown: ShownLine): string {
    // What a service prints must not reach a terminal as commands; a file has it as it is.
    const text = this.#isTerminal ? escape(shown.text) : shown.text
    const read = readLogText(text)
    const side = `${shown.node}/${shown.place}`
    const said = read === undefined ? this.#raw(shown.stream, text) : this.#own(read)
    return `${this.#paint(dim, localTime(read?.at ?? shown.at))} ${this.#paint(this.#colourOf(side), side)} ${said}\n`
  }

  #own({ fields, level, message }: LogText): string {
    const marks = fields.map(([name, value]) => `${name}=${/[\s"]/.test(value) ? JSON.stringify(value) : value}`)
    const end = marks.length === 0 ? "" : `  ${this.#paint(dim, marks.join(" "))}`
    return `${this.#paint(levelColours[level], level.padEnd(5))} ${message}${end}`
  }

  #raw(stream: ShownLine["stream"], text: string): string {
    return stream === "err" ? this.#paint(red, text) : text
  }

  #colourOf(side: string): number {
    const known = this.#sides.get(side)
    if (known !== undefined) return known
    const colour = sideColours[this.#sides.size % sideColours.length] ?? dim
    this.#sides.set(side, colour)
    return colour
  }

  #paint(colour: number, text: string): string {
    return this.#colours ? `\u001b[${colour}m${text}\u001b[0m` : text
  }
}
