import { mkdirSync, writeSync } from "node:fs"
import { LogReading } from "../../../src/node/logs/LogReading.ts"
import type { LogBatch, LogsRequest } from "../../../src/protocol/LogMessages.ts"
import { setName, TestPump } from "./TestPump.ts"

/** When what a test says begins. */
export const start = Date.UTC(2026, 9, 25, 0, 30)

/** Says things at times of the test's choice, through real pipes. */
export class Speaker implements Disposable {
  readonly pump: TestPump
  readonly #sinks = new Map<string, ReturnType<TestPump["pump"]["sink"]>>()
  #wake: Array<() => void> = []

  constructor(pump: TestPump) {
    this.pump = pump
    mkdirSync(pump.folder, { recursive: true })
  }

  static async make() {
    return new Speaker(await TestPump.make())
  }

  say(place: string, stream: "out" | "err", text: string, at: number) {
    const sink = this.#sinks.get(place) ?? this.pump.pump.sink(setName, place)
    this.#sinks.set(place, sink)
    writeSync(sink[stream], text)
    this.pump.drain(start + at)
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** The agent ends, and the next one comes. */
  restart(at: number, meanwhile: () => void = () => undefined) {
    this.pump.pump.close()
    meanwhile()
    this.pump.pump.adopt(start + at)
  }

  read(request: Omit<LogsRequest, "name"> = {}) {
    return new LogReading({
      folder: this.pump.folder,
      request: { name: setName, ...request },
      came: () => new Promise<void>((resolve) => void this.#wake.push(resolve)),
    })
  }

  async lines(request: Omit<LogsRequest, "name"> = {}) {
    return linesOf(await Array.fromAsync(this.read(request)))
  }

  [Symbol.dispose]() {
    for (const sink of this.#sinks.values()) sink.close()
    this.pump[Symbol.dispose]()
  }
}

export const linesOf = (batches: ReadonlyArray<LogBatch>) =>
  batches.flatMap(({ lines }) => lines.map(({ text }) => text))
