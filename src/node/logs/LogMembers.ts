/**
 * Beside each compressed log: float64 numbers, little-endian. The first is how many bytes it has uncompressed, then
 * where each member begins, then where the last one ends. Each member but the last has 1 MiB uncompressed, so that any
 * part is read without what stands before it; to zcat they are one file.
 */
export const memberBytes = 1024 * 1024

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const membersHead = (bytes: Uint8Array): number | undefined =>
  bytes.length < 8 ? undefined : view(bytes).getFloat64(0, true)

export const readMembers = (bytes: Uint8Array): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, Math.floor(bytes.length / 8) - 1) }, (_, index) =>
    view(bytes).getFloat64((index + 1) * 8, true),
  )

export const writeMembers = (bytes: number, offsets: ReadonlyArray<number>): Uint8Array => {
  const all = new Uint8Array((offsets.length + 1) * 8)
  for (const [index, value] of [bytes, ...offsets].entries()) view(all).setFloat64(index * 8, value, true)
  return all
}
