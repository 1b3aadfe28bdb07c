import { constants } from "node:fs"
import { open } from "node:fs/promises"
import { promisify } from "node:util"
import { gunzip, gzip } from "node:zlib"

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
  const source = await open(from, constants.O_RDONLY)
  const target = await open(to, "w", 0o640)
  try {
    const offsets: Array<number> = []
    let read = 0
    let written = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(memberBytes)
      let filled = 0
      while (filled < memberBytes) {
        const { bytesRead } = await source.read(chunk, filled, memberBytes - filled, read + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      if (filled === 0) break
      offsets.push(written)
      const member = await compress(chunk.subarray(0, filled), { level: 6 })
      await target.write(member, 0, member.length, written)
      read += filled
      written += member.length
    }
    offsets.push(written)
    await target.sync()
    return { bytes: read, offsets }
  } finally {
    await target.close()
    await source.close()
  }
}

export const expandMember = (bytes: Uint8Array): Promise<Uint8Array> => expand(bytes)
