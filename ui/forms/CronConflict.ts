import type { CronFormValues } from "../CronModels.ts"
import { compare, type Conflict, type Texts, type Unit } from "./Conflict.ts"
import { newCron } from "./CronFields.ts"

/** What is done is chosen as a whole, and so is when. */
const units: ReadonlyArray<Unit> = [
  ["name"],
  ["node"],
  ["enabled"],
  ["kind", "argv", "shell", "service", "method", "args"],
  ["when", "every", "expression", "timeZone"],
  ...["overlap", "missed", "timeout", "retries", "retryDelay", "jitter", "keepRuns", "keep"].map((name) => [name]),
  ...["user", "cwd", "env"].map((name) => [name]),
]

const usedBy = {
  shell: ["shell", "user", "cwd", "env"],
  command: ["argv", "user", "cwd", "env"],
  method: ["service", "method", "args"],
  interval: ["every"],
  expression: ["expression", "timeZone"],
} as const

const depending = new Set<string>(Object.values(usedBy).flat())

/** The fields that count: those of another kind of action or schedule mean nothing. */
export const flatCron = ({ enabled, ...texts }: CronFormValues): Texts => {
  const used = new Set<string>([...usedBy[texts.kind], ...usedBy[texts.when]])
  const counting = Object.entries(texts).filter(([name]) => used.has(name) || !depending.has(name))
  return { ...Object.fromEntries(counting), enabled: enabled ? "on" : "" }
}

/** A form of these fields; what they say nothing of is as in a new task. */
export const cronFrom = (flat: Texts): CronFormValues => ({
  ...newCron,
  ...flat,
  every: flat["every"] || newCron.every,
  enabled: flat["enabled"] === "on",
})

/** An edit of a task that somebody has changed meanwhile, with what they changed and I did not touch. */
export const settleCron = (
  mine: CronFormValues,
  opened: Texts | undefined,
  theirs: { readonly values: CronFormValues; readonly revision: number; readonly by: string },
) => {
  const flatTheirs = flatCron(theirs.values)
  const { merged, rows } = compare(units, { before: opened, theirs: flatTheirs, mine: flatCron(mine) })
  const conflict: Conflict = { by: theirs.by, revision: theirs.revision, rows }
  return { values: cronFrom(merged), opened: flatTheirs, conflict }
}
