import { type Fifos, MoveFailed } from "../../platform/Fifo.ts"
import { namesIn, removeFile, WritableFile } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { keptBytes, RunOutput } from "./RunOutput.ts"

const chunkEnd = ".cron.out"
/** `RUN.3.cron.out`: the fourth chunk of a run's output. */
const pattern = /^(.+)\.(\d+)\.cron\.out$/

/** The run whose output a file holds; undefined: it holds none. */
export const spooledRun = (file: string): string | undefined => pattern.exec(file)?.[1]

/**
 * What a run that goes on has said so far, in files of 64 KiB, of which the first and the last two are kept. The kernel
 * moves bytes from the pipe into them: whenever the agent is killed, each byte is in the one or in the other.
 */
export class RunSpool {
  readonly output: RunOutput
  readonly #fifos: Fifos
  readonly #folder: string
  readonly #run: string
  #file: { readonly chunk: number; readonly file: WritableFile } | undefined
  /** The disk does not take it: then the agent alone has it. */
  #isBroken = false

  /** `run`: what an agent before this one has taken is there at once. */
  constructor(fifos: Fifos, folder: string, run: string) {
    this.#fifos = fifos
    this.#folder = folder
    this.#run = run
    const chunks = namesIn(folder)
      .flatMap((name) => {
        const [, of, chunk] = pattern.exec(name) ?? []
        return of === run ? [Number(chunk)] : []
      })
      .toSorted((a, b) => a - b)
    const [head = new Uint8Array(), ...tail] = chunks.map((chunk) => this.#read(chunk))
    const last = chunks.at(-1) ?? 0
    this.output = RunOutput.of(head, Buffer.concat(tail), last * keptBytes + (tail.at(-1) ?? head).length)
  }

  /** Takes what is in a pipe now, as far as the present file holds it. false: there is nothing, or it can't be moved. */
  move(pipe: number): boolean {
    try {
      const file = this.#open()
      if (file === undefined) return false
      const at = this.output.bytes % keptBytes
      const count = this.#fifos.move(pipe, file.fd, at, keptBytes - at)
      this.output.push(file.read(at, count))
      return count > 0
    } catch (error) {
      // Where it can't be moved it can still be written.
      this.#isBroken = !(error instanceof MoveFailed && error.isRefused)
      return false
    }
  }

  /** What came without being moved. */
  push(piece: Uint8Array): void {
    for (let from = 0; from < piece.length;) {
      const at = this.output.bytes % keptBytes
      const part = piece.subarray(from, from + keptBytes - at)
      this.#write(part, at)
      this.output.push(part)
      from += part.length
    }
  }

  /** It is written down elsewhere, or is of no worth. */
  remove(): void {
    this.close()
    for (const name of namesIn(this.#folder)) if (spooledRun(name) === this.#run) removeFile(join(this.#folder, name))
  }

  close(): void {
    this.#file?.file.close()
    this.#file = undefined
  }

  #path(chunk: number) {
    return join(this.#folder, `${this.#run}.${chunk}${chunkEnd}`)
  }

  #read(chunk: number): Uint8Array {
    const file = WritableFile.open(this.#path(chunk))
    try {
      return file.read(0, keptBytes)
    } finally {
      file.close()
    }
  }

  #write(part: Uint8Array, at: number) {
    try {
      this.#open()?.write(part, at)
    } catch {
      this.#isBroken = true
    }
  }

  #open(): WritableFile | undefined {
    if (this.#isBroken) return undefined
    const chunk = Math.floor(this.output.bytes / keptBytes)
    if (this.#file?.chunk === chunk) return this.#file.file
    this.close()
    const file = WritableFile.open(this.#path(chunk))
    this.#file = { chunk, file }
    if (chunk > 2) removeFile(this.#path(chunk - 2))
    return file
  }
}
