import { closeSync, readSync } from "node:fs"
import { Fifos } from "./Fifo.ts"

const pieceBytes = 64 * 1024

/** Named pipes by which processes say what they have to say, whether or not somebody listens. */
export class OutputPipes {
  readonly #fifos: Fifos
  readonly #piece = new Uint8Array(pieceBytes)

  private constructor(fifos: Fifos) {
    this.#fifos = fifos
  }

  static async load(): Promise<OutputPipes> {
    return new OutputPipes(await Fifos.load())
  }

  /** Opens it, or makes it. Throws with the reason when it can't be had. */
  open(path: string): OutputPipe {
    this.#fifos.make(path)
    const fd = this.#fifos.openReader(path)
    return {
      fd,
      read: () => readPiece(fd, this.#piece),
      openWriter: () => {
        const writer = this.#fifos.openWriter(path)
        return { fd: writer, close: () => closeSync(writer) }
      },
      close: () => closeSync(fd),
    }
  }

  remove(path: string): void {
    this.#fifos.remove(path)
  }

  close(): void {
    this.#fifos.close()
  }
}

/** The reader's end of a pipe. */
export interface OutputPipe {
  readonly fd: number
  /** What is there, good until the next call; undefined: nothing now; empty: nobody can write to it any more. */
  readonly read: () => Uint8Array | undefined
  /** A descriptor for a process to inherit. It can be read from too, so that the process needs no reader to live. */
  readonly openWriter: () => { readonly fd: number; readonly close: () => void }
  readonly close: () => void
}

const readPiece = (fd: number, piece: Uint8Array): Uint8Array | undefined => {
  try {
    return piece.subarray(0, readSync(fd, piece))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined
    throw error
  }
}
