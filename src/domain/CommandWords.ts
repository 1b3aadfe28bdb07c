/** A piece of a word: in single quotes, in double quotes, a sign behind a backslash, or plain signs. */
const piece = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+|\\$)/y
const blank = /\s+/y

const matchAt = (pattern: RegExp, line: string, at: number) => {
  pattern.lastIndex = at
  return pattern.exec(line)
}

/**
 * The words of a line as a shell would part them: blanks separate, quotes keep together, a backslash keeps the next sign.
 * Nothing else has a meaning. undefined: a quote is not closed.
 */
export const splitWords = (line: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let isOpen = false
  let at = 0
  while (at < line.length) {
    const space = matchAt(blank, line, at)
    const found = space ?? matchAt(piece, line, at)
    if (found === null) return undefined
    at += found[0].length
    if (space === null) {
      const [, single, double, kept, plain] = found
      const text = single ?? double?.replaceAll(/\\(["\\])/g, "$1") ?? kept ?? plain ?? ""
      words.push((isOpen ? words.pop() : "") + text)
    }
    isOpen = space === null
  }
  return words
}
