/**
 * The words of a line as a shell would part them: blanks separate, quotes keep together, a backslash keeps the next sign.
 * Nothing else has a meaning. undefined: a quote is not closed.
 */
export const splitWords = (line: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let word: string | undefined
  let quote = ""
  for (let at = 0; at < line.length; at++) {
    const sign = line[at] ?? ""
    const next = line[at + 1] ?? ""
    if (sign === "\\" && quote !== "'" && next !== "" && (quote === "" || '"\\'.includes(next))) {
      word = (word ?? "") + next
      at++
    } else if (quote !== "") {
      if (sign === quote) quote = ""
      else word = (word ?? "") + sign
    } else if (sign === "'" || sign === '"') {
      quote = sign
      word ??= ""
    } else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? "") + sign
  }
  if (quote !== "") return undefined
  return word === undefined ? words : [...words, word]
}
