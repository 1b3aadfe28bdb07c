/**
 * Picks an index with a chance of `weight / total`. `random` is in [0, 1). Weights of 0 are never picked; `undefined`
 * when all are 0.
 */
export const weightedChoice = (weights: ReadonlyArray<number>, random: number): number | undefined => {
  let total = 0
  for (const weight of weights) total += weight
  if (total <= 0) return undefined
  let left = random * total
  let last: number | undefined
  for (const [index, weight] of weights.entries()) {
    if (weight <= 0) continue
    if (left < weight) return index
    left -= weight
    last = index
  }
  return last
}
