/**
 * Times in buckets whose width grows with them: 64 to each power of two, so that a quantile is within 1 % of the exact
 * one, and two histograms are merged by adding their counts. Microseconds, from 0 to about 70 minutes.
 */
const subBits = 6
const subBuckets = 1 << subBits
const octaves = 26

export const bucketCount = subBuckets * (octaves + 1)
const largest = 2 ** (octaves + subBits) - 1

/** The bucket of a time in microseconds. */
export const bucketOf = (micros: number): number => {
  const value = micros < 0 ? 0 : micros > largest ? largest : micros >>> 0
  if (value < subBuckets) return value
  const shift = 31 - subBits - Math.clz32(value)
  return ((shift + 1) << subBits) + ((value >>> shift) - subBuckets)
}

/** The middle of a bucket, in microseconds. */
export const bucketMiddle = (bucket: number): number => {
  if (bucket < subBuckets) return bucket
  const shift = (bucket >> subBits) - 1
  const from = (subBuckets + (bucket & (subBuckets - 1))) * 2 ** shift
  return from + (2 ** shift - 1) / 2
}

/** Pairs of bucket and count, for the buckets that are not empty, in order: `[bucket, count, bucket, count, …]`. */
export type SparseBuckets = ReadonlyArray<number>

/** The counts of both together. */
export const mergeBuckets = (one: SparseBuckets, other: SparseBuckets): SparseBuckets => {
  const counts = new Map<number, number>()
  for (const list of [one, other])
    for (let at = 0; at + 1 < list.length; at += 2) {
      const bucket = list[at] ?? 0
      counts.set(bucket, (counts.get(bucket) ?? 0) + (list[at + 1] ?? 0))
    }
  return [...counts].toSorted(([a], [b]) => a - b).flat()
}

/** `one` less `other`, which is an earlier state of it. */
export const subtractBuckets = (one: SparseBuckets, other: SparseBuckets): SparseBuckets => {
  const negative = other.map((value, index) => (index % 2 === 1 ? -value : value))
  const merged = mergeBuckets(one, negative)
  const left: Array<number> = []
  for (let at = 0; at + 1 < merged.length; at += 2) {
    const count = merged[at + 1] ?? 0
    if (count > 0) left.push(merged[at] ?? 0, count)
  }
  return left
}

/** The time in microseconds below which the share `q` (0 to 1) of all lies; undefined when there are none. */
export const quantile = (buckets: SparseBuckets, q: number): number | undefined => {
  let total = 0
  for (let at = 1; at < buckets.length; at += 2) total += buckets[at] ?? 0
  if (total === 0) return undefined
  const rank = Math.max(1, Math.ceil(q * total))
  let seen = 0
  for (let at = 0; at + 1 < buckets.length; at += 2) {
    seen += buckets[at + 1] ?? 0
    if (seen >= rank) return bucketMiddle(buckets[at] ?? 0)
  }
  return undefined
}
