export type LogTextLevel = "DEBUG" | "INFO" | "WARN" | "ERROR"

/** What a line says that a worker of ours has written. */
export type LogText = {
  /** When it was written, milliseconds since 1970. */
  readonly at: number
  readonly level: LogTextLevel
  /** `0`, `tasks/0`; `agent`: the agent itself has put the line there. */
  readonly worker: string
  readonly pid: number | undefined
  readonly message: string
  /** What `ctx.log` was given beside the message, as texts, in their order. */
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  /** The trace that the call or task is of, 32 hex digits. */
  readonly trace: string | undefined
}

const linePattern =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (DEBUG|INFO|WARN|ERROR) {1,2}\[(\S+)(?: (\d+))?\] ([^]*)$/
const fieldsPattern = / {2}((?:[^\s=]+=(?:"(?:[^"\\]|\\.)*"|\S*) )*[^\s=]+=(?:"(?:[^"\\]|\\.)*"|\S*))$/
const fieldPattern = /([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)/g

const valueOf = (text: string): string => {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}

/** What level a line says itself, in lower case: far cheaper than all of it. */
export const logTextLevel = (line: string): Lowercase<LogTextLevel> | undefined =>
  linePattern.exec(line)?.[2]?.toLowerCase() as Lowercase<LogTextLevel> | undefined

/**
 * Reads a line as workers write them: `2026-11-22T23:01:05.668Z INFO  [0 4711] resized  trace=4bf9… width=640`. It is the
 * time, the level, the worker and its process number, the message, and after two blanks what belongs to it, `name=value`
 * each, in JSON's quotes where the value has blanks. Undefined: it is of another form, such as what a program prints
 * itself. The stack of an error follows on lines of its own, which begin with a blank.
 */
export const readLogText = (line: string): LogText | undefined => {
  const [, time = "", level, worker = "", pid, rest = ""] = linePattern.exec(line) ?? []
  if (level === undefined) return undefined
  const found = fieldsPattern.exec(rest)
  const fields = [...(found?.[1] ?? "").matchAll(fieldPattern)].map(
    ([, name = "", value = ""]) => [name, valueOf(value)] as const,
  )
  return {
    at: Date.parse(time),
    level: level as LogTextLevel,
    worker,
    pid: pid === undefined ? undefined : Number(pid),
    message: found === null ? rest : rest.slice(0, found.index),
    fields,
    trace: fields.find(([name]) => name === "trace")?.[1],
  }
}
