/** A log file that was put aside. */
export type AsideFile = {
  /** Which output of which instance it is of. */
  readonly output: string
  /** Those of one output are in the order of time by it. */
  readonly stamp: string
  /** With what belongs to it. */
  readonly bytes: number
}

export type RetentionLimits = {
  /** Files of each output. */
  readonly keep: number
  /** Of the whole process set, with the files that are written to; 0: unlimited. */
  readonly totalBytes: number
}

/** The files that have to go: the oldest of each output above its number, then the oldest of all above the sum. */
export const expiredLogs = <F extends AsideFile>(
  files: ReadonlyArray<F>,
  currentBytes: number,
  { keep, totalBytes }: RetentionLimits,
): ReadonlyArray<F> => {
  const newestFirst = files.toSorted((a, b) => (a.stamp === b.stamp ? 0 : a.stamp < b.stamp ? 1 : -1))
  const counts = new Map<string, number>()
  let bytes = currentBytes
  let isFull = false
  return newestFirst.filter((file) => {
    const count = (counts.get(file.output) ?? 0) + 1
    counts.set(file.output, count)
    if (count > keep) return true
    // Once one did not fit, none that is older stays: what is left has no holes.
    isFull ||= totalBytes > 0 && bytes + file.bytes > totalBytes
    if (!isFull) bytes += file.bytes
    return isFull
  })
}
