import type { PageContext } from "../../../../ViewModels.ts"

type Rule = readonly [RegExp, (page: PageContext, parts: ReadonlyArray<string>) => string]

const unitOf = ({ t: { spec } }: PageContext, unit: string): string => {
  const { units } = spec.problem
  if (/milliseconds/.test(unit)) return units.milliseconds
  return /bytes/.test(unit) ? units.bytes : ""
}

/** What the schema of a spec says of a field, and how a page says it. */
const rules: ReadonlyArray<Rule> = [
  [/^is required/, ({ t }) => t.spec.problem.required],
  [/^is not a field here/, ({ t }) => t.spec.problem.unknown],
  [
    /^must be a whole number from (-?\d+) to (\d+)( \w+)?/,
    (page, [from = "", to = "", unit = ""]) => page.t.spec.problem.whole(from, to, unitOf(page, unit)),
  ],
  [
    /^must be (\d+) to (\d+)( \w+)?/,
    (page, [from = "", to = "", unit = ""]) => page.t.spec.problem.between(from, to, unitOf(page, unit)),
  ],
  [/^must be (?:a whole number|an int\b|a number)/, ({ t }) => t.spec.problem.wholeAny],
  [/^must be the absolute path of a \.ts/, ({ t }) => t.spec.problem.modulePath],
  [/^must be an absolute path/, ({ t }) => t.spec.problem.absolute],
  [/^must be a path that begins with/, ({ t }) => t.spec.problem.urlPath],
  [/^must be a name or a number/, ({ t }) => t.spec.problem.name],
  [/^must be an IPv4 address/, ({ t }) => t.spec.problem.address],
  [/^must be three octal digits/, ({ t }) => t.spec.problem.octal],
  [/^must be a time with its unit/, ({ t }) => t.spec.problem.time],
  [/^must be a size with its unit/, ({ t }) => t.spec.problem.size],
  [/^must not be empty/, ({ t }) => t.spec.problem.empty],
  [/^must begin with the name of a program/, ({ t }) => t.spec.problem.program],
  [/^line (\d+) must be (.+)$/, ({ t }, [line = "", form = ""]) => t.spec.problem.line(line, form)],
  [/^needs plain TCP/, ({ t }) => t.spec.problem.legacy],
  [/^must be ((?:[\w]+, )+\w+ or \w+|\w+ or \w+)/, ({ t }, [words = ""]) => t.spec.problem.oneOf(words)],
]

/** A sentence of the schema in the reader's language, with the place in its field that it is about. */
export const specProblemText = (page: PageContext, message: string): string => {
  const [, place = "", rest = message] = /^([\w.]+): (.+)$/s.exec(message) ?? []
  for (const [pattern, say] of rules) {
    const found = pattern.exec(rest)
    if (found === null) continue
    const [, value] = /, not (.+)$/s.exec(rest) ?? []
    const text = say(
      page,
      found.slice(1).map((part) => part ?? ""),
    )
    const whole = value === undefined ? text : `${text}${page.t.spec.problem.not(value)}`
    return place === "" ? whole : `${place}: ${whole}`
  }
  return message
}
