import { type FileHandle, open } from "node:fs/promises"
import { promisify } from "node:util"
import { gunzip, gzip } from "node:zlib"
import { ReadableFile } from "./LogFile.ts"

const compress = promisify(gzip)
const expand = promisify(gunzip)

type Compressed = { readonly bytes: number; readonly offsets: ReadonlyArray<number> }

const compressInto = async (target: FileHandle, source: ReadableFile, memberBytes: number): Promise<Compressed> => {
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
}

/**
 * Compresses a file to `to`, in members of `memberBytes` of it that can be expanded by themselves; off the event loop.
 * It is on the disk then. Gives how long it was, and where each member begins and the last one ends.
 */
export const gzipFile = async (from: string, to: string, memberBytes: number): Promise<Compressed> => {
  const source = await ReadableFile.open(from)
  if (source === undefined) throw new Error(`${from} is gone`)
  // A file that is left to the garbage collection ends the process with an error of the runtime's.
  try {
    const target = await open(to, "w", 0o640)
    try {
      return await compressInto(target, source, memberBytes)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** One member of such a file. */
export const expandMember = (bytes: Uint8Array): Promise<Uint8Array> => expand(bytes)
