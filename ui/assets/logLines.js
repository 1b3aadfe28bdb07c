// Lines of a log as they are shown: what a module writes in parts (time, level, worker, fields), everything else as it came.

/** As src/worker/Log.ts writes it: `2026-11-22T23:01:05.668Z INFO  [0 4711] resized  trace=4bf9… width=640`. */
const structured = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (DEBUG|INFO|WARN|ERROR) +\[\S+(?: \d+)?\] (.*)$/s
const fieldsPart = / {2}((?:[^\s=]+=(?:"(?:[^"\\]|\\.)*"|\S*)(?: |$))+)$/
const field = /([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)/g

/** `level` null: the line says none. */
export const readLine = (text) => {
  const [, , level, message] = structured.exec(text) ?? []
  if (level === undefined) return { level: null, message: text, fields: [] }
  const fields = fieldsPart.exec(message)
  return {
    level,
    message: fields === null ? message : message.slice(0, fields.index),
    fields: fields === null ? [] : [...fields[1].matchAll(field)].map(([, name, value]) => [name, value]),
  }
}

/** Which of the eight colours an instance has: in the order in which they are seen, so that few are alike. */
const colours = new Map()

const colourOf = (name) => {
  const known = colours.get(name)
  if (known !== undefined) return known
  const next = colours.size % 8
  colours.set(name, next)
  return next
}

const time = new Intl.DateTimeFormat(document.documentElement.lang, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
})
const whole = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" })

const make = (name, className, text) => {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/** The text, with what is searched for marked in it, whatever its case. */
const withMarks = (parent, text, search) => {
  if (search === "") return parent.append(text)
  const [lower, wanted] = [text.toLowerCase(), search.toLowerCase()]
  let at = 0
  for (let found = lower.indexOf(wanted); found >= 0; found = lower.indexOf(wanted, at)) {
    parent.append(text.slice(at, found), make("mark", "", text.slice(found, found + wanted.length)))
    at = found + wanted.length
  }
  parent.append(text.slice(at))
}

export const lineElement = (line, { fields, level, message }, search) => {
  const row = make("div", level === null ? `log-line log-${line.stream}` : `log-line log-${level.toLowerCase()}`)
  const at = make("time", "log-time", time.format(line.at))
  at.dateTime = new Date(line.at).toISOString()
  at.title = whole.format(line.at)
  const who = `${line.node}/${line.place}`
  const mark = make("span", `log-mark log-mark-${colourOf(who)}`, who)
  mark.title = `${line.process} ${line.place} ${line.stream}`
  const text = make("span", "log-text")
  if (level !== null) text.append(make("b", "log-level", level), " ")
  withMarks(text, message, search)
  for (const [name, value] of fields) {
    text.append(" ")
    const pair = make("span", "log-field")
    pair.append(make("span", "log-field-name", `${name}=`))
    withMarks(pair, value, search)
    text.append(pair)
  }
  row.append(at, mark, text)
  return row
}

/** What is no line: lines that were left out, a node that is away. */
export const noteElement = (text) => make("div", "log-note", text)
