import type { MissedRuns, Overlap } from "../src/domain/Cron.ts"
import type { ScheduleFault } from "../src/domain/CronExpression.ts"
import type { Conflict, Texts } from "./forms/Conflict.ts"

/** The form of a cron task, as it was typed. Times and sizes are texts such as `30 s`. */
export type CronFormValues = {
  readonly name: string
  /** Its address. */
  readonly node: string
  readonly enabled: boolean
  readonly kind: "command" | "shell" | "method"
  readonly argv: string
  readonly shell: string
  readonly service: string
  readonly method: string
  readonly args: string
  readonly when: "interval" | "expression"
  readonly every: string
  readonly expression: string
  readonly timeZone: string
  readonly overlap: Overlap
  readonly missed: MissedRuns
  readonly timeout: string
  readonly retries: string
  readonly retryDelay: string
  readonly jitter: string
  readonly keepRuns: string
  readonly keep: string
  readonly user: string
  readonly cwd: string
  /** One `NAME=value` a line. */
  readonly env: string
}

export type CronTimeField = "timeout" | "retryDelay" | "jitter" | "keep"
export type CronCountField = "retries" | "keepRuns"

export type CronFormErrors = {
  readonly name?: "syntax" | "taken"
  readonly node?: "missing"
  readonly argv?: "empty" | "quote"
  readonly shell?: "empty"
  readonly service?: "syntax"
  readonly method?: "syntax"
  readonly args?: "json"
  readonly every?: "time"
  readonly expression?: ScheduleFault
  readonly timeZone?: "unknown"
  readonly cwd?: "path"
  /** The first line that is not NAME=value, from 1. */
  readonly env?: { readonly line: number }
} & { readonly [Field in CronTimeField]?: "unit" | "range" } & { readonly [Field in CronCountField]?: "range" }

/** The next times of what is typed; `zone` null: an interval, which no zone rules. */
export type CronPreviewModel =
  | { readonly times: ReadonlyArray<number>; readonly zone: string | null }
  | { readonly times: null }

export type CronFormModel = {
  /** `null`: a new task. */
  readonly id: string | null
  /** The revision that the form was opened with; 0 for a new one. */
  readonly baseRevision: number
  readonly values: CronFormValues
  readonly errors: CronFormErrors
  readonly stale: { readonly by: string } | null
  /** What it was filled from; left out: its values. */
  readonly opened?: Texts
  /** What another person has changed, until the form is saved. */
  readonly conflict?: Conflict
  readonly preview: CronPreviewModel
  readonly nodes: ReadonlyArray<{ readonly ip: string; readonly name: string }>
  readonly services: ReadonlyArray<string>
}

export type CronFilter = "running" | "failing" | "off"
