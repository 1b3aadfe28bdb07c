/** Weights prepared for picking: as many columns as weights, each with at most two of them (Vose's alias method). */
export interface WeightedTable {
  readonly size: number
  readonly keep: Float64Array
  readonly alias: Int32Array
}

/** Weights are above 0. Costs time in proportion to their number, so that each pick costs the same short time. */
export const weightedTable = (weights: ReadonlyArray<number>): WeightedTable => {
  const size = weights.length
  const keep = new Float64Array(size).fill(1)
  const alias = Int32Array.from({ length: size }, (_, index) => index)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const scaled = weights.map((weight) => (weight * size) / total)
  const small: Array<number> = []
  const large: Array<number> = []
  for (const [index, value] of scaled.entries()) (value < 1 ? small : large).push(index)
  for (;;) {
    const less = small.pop()
    const more = large.pop()
    // What is left over on one side is full, but for rounding.
    if (less === undefined || more === undefined) return { size, keep, alias }
    const value = scaled[less] ?? 1
    keep[less] = value
    alias[less] = more
    const rest = (scaled[more] ?? 1) - (1 - value)
    scaled[more] = rest
    if (rest < 1) small.push(more)
    else large.push(more)
  }
}

/** An index, with a chance of `weight / total`. `random` is in [0, 1); -1 when there are no weights. */
export const pickWeighted = ({ alias, keep, size }: WeightedTable, random: number): number => {
  if (size === 0) return -1
  const at = random * size
  const column = Math.floor(at)
  return at - column < (keep[column] ?? 1) ? column : (alias[column] ?? column)
}
