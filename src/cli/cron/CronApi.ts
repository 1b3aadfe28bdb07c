import { Schema } from "effect"
import { ask, type ApiCall, type ApiOptions } from "../Api.ts"
import { CommandFailed } from "../Failure.ts"
import { suggestion } from "../Suggestion.ts"

const Run = Schema.Struct({
  id: Schema.String,
  nodeName: Schema.String,
  cause: Schema.String,
  dueAt: Schema.Int,
  startedAt: Schema.NullOr(Schema.Int),
  endedAt: Schema.NullOr(Schema.Int),
  state: Schema.String,
  attempt: Schema.Int,
  exitCode: Schema.NullOr(Schema.Int),
  signal: Schema.NullOr(Schema.String),
  reason: Schema.NullOr(Schema.String),
  by: Schema.NullOr(Schema.String),
  outputBytes: Schema.Int,
})
export type Run = typeof Run.Type

const Anything = Schema.Record(Schema.String, Schema.Unknown)

/** A task as the manager tells it; what this program does not look at is kept for `--json`. */
export const Task = Schema.StructWithRest(
  Schema.Struct({
    id: Schema.String,
    name: Schema.String,
    enabled: Schema.Boolean,
    schedule: Anything,
    action: Anything,
    node: Schema.Struct({ ip: Schema.String, name: Schema.NullOr(Schema.String), connected: Schema.Boolean }),
    place: Schema.StructWithRest(Schema.Struct({ state: Schema.String }), [Anything]),
    nextAt: Schema.NullOr(Schema.Int),
    running: Schema.Int,
    last: Schema.NullOr(Run),
  }),
  [Anything],
)
export type Task = typeof Task.Type
export const Tasks = Schema.Array(Task)
export const Runs = Schema.Struct({ runs: Schema.Array(Run), total: Schema.Int, more: Schema.Boolean })
export const Output = Schema.Struct({ head: Schema.String, tail: Schema.String, omitted: Schema.Int })

export const pathOf = (name: string) => `/cron/${encodeURIComponent(name)}`

/** Of a task: where there is none of that name, the one that may have been meant is named. */
export const askOf = async <A>(
  answer: Schema.ConstraintDecoder<A>,
  name: string,
  call: ApiCall,
  options: ApiOptions,
): Promise<A> => {
  try {
    return await ask(answer, call, options)
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    const { error: tag, message } = Object(error.data) as Record<string, unknown>
    if (tag !== "NotFound" || !String(message).includes("cron task")) throw error
    const tasks = await ask(Tasks, { method: "GET", path: "/cron" }, options).catch(() => [])
    const meant = suggestion(
      name,
      tasks.map((task) => task.name),
    )
    throw new CommandFailed({
      message: `There is no cron task ${JSON.stringify(name)}${meant === "" ? "; muster cron lists them" : meant}`,
      data: error.data,
    })
  }
}
