import { closeSync, readSync } from "node:fs"
import type { Fifos } from "./Fifo.ts"

const pieceBytes = 64 * 1024
/** What was read last: it is good until the next read of any of them. */
const piece = new Uint8Array(pieceBytes)

/** The reader's end of a named pipe by which a process says what it has to say, whether or not somebody listens. */
export interface OutputPipe {
  readonly fd: number
  /** What is there, good until the next call; undefined: nothing now; empty: nobody can write to it any more. */
  readonly read: () => Uint8Array | undefined
  /** A descriptor for a process to inherit. It can be read from too, so that the process needs no reader to live. */
  readonly openWriter: () => { readonly fd: number; readonly close: () => void }
  /** `isEnded`: it was read to its end. */
  readonly close: (isEnded: boolean) => void
}

/** Opens one that is there. Throws with the reason when it can't be had. */
export const openOutput = (fifos: Fifos, path: string): OutputPipe => {
  const fd = fifos.openReader(path)
  return {
    fd,
    read: () => readPiece(fd),
    openWriter: () => {
      const writer = fifos.openWriter(path)
      return { fd: writer, close: () => closeSync(writer) }
    },
    close: (isEnded) => (isEnded ? fifos.closeEnded(fd) : closeSync(fd)),
  }
}

const readPiece = (fd: number): Uint8Array | undefined => {
  try {
    return piece.subarray(0, readSync(fd, piece))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined
    throw error
  }
}
