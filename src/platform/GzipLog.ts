import { open } from "node:fs/promises"
import { promisify } from "node:util"
import { gunzip, gzip } from "node:zlib"
import { ReadableFile } from "./LogFile.ts"

const compress = promisify(gzip)
const expand = promisify(gunzip)

/**
 * Compresses a file to `to`, in members of `memberBytes` of it that can be expanded by themselves; off the event loop.
 * It is on the disk then. Gives how long it was, and where each member begins and the last one ends.
 */
export const gzipFile = async (
  from: string,
  to: string,
  memberBytes: number,
): Promise<{ readonly bytes: number; readonly offsets: ReadonlyArray<number> }> => {
  const source = await ReadableFile.open(from)
  if (source === undefined) throw new Error(`${from} is gone`)
  const target = await open(to, "w", 0o640)
  try {
    const offsets = [0]
    let written = 0
    let read = 0
    for (;;) {
      const chunk = await source.read(read, memberBytes)
      if (chunk.length === 0) break
      const member = await compress(chunk)
      await target.write(member, 0, member.length, written)
      read += chunk.length
      written += member.length
      offsets.push(written)
    }
    await target.sync()
    return { bytes: read, offsets }
  } finally {
    await target.close()
    await source.close()
  }
}

/** One member of such a file. */
export const expandMember = (bytes: Uint8Array): Promise<Uint8Array> => expand(bytes)
