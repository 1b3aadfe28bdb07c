import type { Problem } from "../../domain/Problem.ts"
import type { LogBatch, LogLine } from "../../protocol/LogMessages.ts"

/** Whose lines they are. `name`: of the process set. */
export type LogSide = { readonly nodeId: string; readonly nodeName: string; readonly name: string }

export type ServiceLogLine = LogSide & LogLine

/** What a reader of a service's logs is told, in this order of time. */
export type LogEvent =
  | { readonly _tag: "Lines"; readonly lines: ReadonlyArray<ServiceLogLine> }
  /** All that there was has been told: what follows is new. Once. */
  | { readonly _tag: "CaughtUp" }
  /** Lines that this reader was too slow for. */
  | ({ readonly _tag: "Dropped"; readonly lines: number } & LogSide)
  /** The node can't be asked; the others go on, and who follows is told of its return. */
  | ({ readonly _tag: "Away"; readonly problem: Problem } & LogSide)
  | ({ readonly _tag: "Back" } & LogSide)

/** What one process set tells. `Away` counts as all that it has to say for now. */
export type SideEvent =
  | { readonly _tag: "Batch"; readonly batch: LogBatch }
  | { readonly _tag: "Away"; readonly problem: Problem }
  | { readonly _tag: "Back" }
  /** Nothing more comes. */
  | { readonly _tag: "End" }

/** The lines of one side that are waiting for their turn. */
export class MergeSide {
  readonly side: LogSide
  isCaughtUp = false
  isEnded = false
  #lines: ReadonlyArray<LogLine> = []
  #taken = 0

  constructor(side: LogSide) {
    this.side = side
  }

  get next(): LogLine | undefined {
    return this.#lines[this.#taken]
  }

  /** It has to be waited for: what it says next may be older than what the others have. */
  get isOwing(): boolean {
    return this.next === undefined && !this.isCaughtUp && !this.isEnded
  }

  /** Takes what it says; gives what a reader is told of it beside its lines. */
  hear(event: SideEvent): ReadonlyArray<LogEvent> {
    switch (event._tag) {
      case "Batch": {
        const { caughtUp, dropped, lines } = event.batch
        this.#lines = this.next === undefined ? lines : [...this.#lines.slice(this.#taken), ...lines]
        this.#taken = 0
        this.isCaughtUp = caughtUp
        return dropped > 0 ? [{ _tag: "Dropped", lines: dropped, ...this.side }] : []
      }
      case "Away":
        this.isCaughtUp = true
        return [{ _tag: "Away", problem: event.problem, ...this.side }]
      case "Back":
        return [{ _tag: "Back", ...this.side }]
      case "End":
        this.isEnded = true
        return []
    }
  }

  take(): ServiceLogLine | undefined {
    const line = this.next
    if (line === undefined) return undefined
    this.#taken++
    return { ...this.side, ...line }
  }
}

/** The lines of all sides that may be told now, in the order of time: until one of them has to be waited for. */
export const takeMerged = (sides: ReadonlyArray<MergeSide>): ReadonlyArray<ServiceLogLine> => {
  const lines: Array<ServiceLogLine> = []
  while (!sides.some((side) => side.isOwing)) {
    let first: MergeSide | undefined
    for (const side of sides)
      if (side.next !== undefined && (first?.next === undefined || side.next.at < first.next.at)) first = side
    const line = first?.take()
    if (line === undefined) break
    lines.push(line)
  }
  return lines
}

const tailBytesMax = 16 * 1024 * 1024

/** Keeps the last lines of several sides, of which each has sent as many as were asked for of all. */
export class LastLines {
  readonly #count: number
  #lines: Array<ServiceLogLine> = []
  #bytes = 0

  constructor(count: number) {
    this.#count = count
  }

  add(lines: ReadonlyArray<ServiceLogLine>): void {
    for (const line of lines) {
      this.#lines.push(line)
      this.#bytes += line.text.length
    }
    let over = 0
    while (this.#lines.length - over > this.#count || (this.#bytes > tailBytesMax && over < this.#lines.length)) {
      this.#bytes -= this.#lines[over]?.text.length ?? 0
      over++
    }
    if (over > 0) this.#lines = this.#lines.slice(over)
  }

  take(): ReadonlyArray<ServiceLogLine> {
    return this.#lines.splice(0)
  }
}
