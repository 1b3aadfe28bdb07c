const distance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [i, a] of [...left].entries()) {
    const next = [i + 1]
    for (const [j, b] of [...right].entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a === b ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/** `, did you mean "…"?` when one of `known` is close to what was typed; nothing otherwise. */
export const suggestion = (typed: string, known: ReadonlyArray<string>): string => {
  const allowed = Math.max(1, Math.floor(typed.length / 3))
  const best = known
    .map((name) => ({ name, far: name.startsWith(typed) ? 0 : distance(typed, name) }))
    .toSorted((a, b) => a.far - b.far)[0]
  return best !== undefined && best.far <= allowed ? `, did you mean "${best.name}"?` : ""
}
