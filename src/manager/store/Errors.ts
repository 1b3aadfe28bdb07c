import { Data } from "effect"

/** Nothing with this id or name, or no longer. */
export class NotFound extends Data.TaggedError("NotFound")<{
  readonly what:
    | "service"
    | "client"
    | "node"
    | "token"
    | "draft"
    | "process"
    | "crash report"
    | "process revision"
    | "endpoint"
    | "user"
    | "cron task"
    | "run"
    | "output"
  readonly id: string
  /** Which of them were looked at, such as "that runs greeter"; left out: all. */
  readonly among?: string
}> {
  override get message() {
    const which = this.among === undefined ? "" : ` ${this.among}`
    return `There is no ${this.what} ${JSON.stringify(this.id)}${which}`
  }
}

/** `field` can't have `value`. `taken`: something else has it; `pushed`: RPC clients know the old name already. */
export class Conflict extends Data.TaggedError("Conflict")<{
  readonly why?: "taken" | "pushed"
  readonly field: string
  readonly value: string
  readonly reason: string
}> {
  override get message() {
    return this.reason
  }
}

/** Someone released a list, or saved a spec, in between: `baseRevision` is what the edit began from, `revision` what there is now (0: none). */
export class Stale extends Data.TaggedError("Stale")<{
  readonly baseRevision: number
  readonly revision: number
  readonly by: string
}> {
  override get message() {
    const now = this.revision === 0 ? "there is none any more" : `${this.by} made revision ${this.revision}`
    return `It was changed meanwhile: the edit began from revision ${this.baseRevision}, and ${now}`
  }
}
