import { closeSync, openSync, readSync, unlinkSync } from "node:fs"
import { randomHex } from "./Ids.ts"
import { join } from "./Paths.ts"

/** A file without a name, for what a program of ours has to say: it is gone when nobody has it open any more. */
export interface Scratch {
  readonly fd: number
  /** Its beginning, at most so many bytes. */
  readonly read: (bytesMax: number) => string
  readonly close: () => void
}

export const openScratch = (folder: string): Scratch => {
  const path = join(folder, `scratch-${randomHex(8)}`)
  const fd = openSync(path, "wx+", 0o600)
  unlinkSync(path)
  return {
    fd,
    read: (bytesMax) => {
      const bytes = Buffer.alloc(bytesMax)
      return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytesMax, 0))
    },
    close: () => closeSync(fd),
  }
}
