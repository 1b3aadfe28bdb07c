import { Data } from "effect"

/** The node has a newer set than the one that was sent. */
export class OlderCronSet extends Data.TaggedError("OlderCronSet")<{
  readonly revision: number
  readonly have: number
}> {
  override get message() {
    return `cron set revision ${this.revision} is older than ${this.have}, which this node has`
  }
}

/** What was asked for can't be done as it is; the message names the field, its value, and what it may be. */
export class InvalidCron extends Data.TaggedError("InvalidCron")<{ readonly message: string }> {}

export class NoSuchCron extends Data.TaggedError("NoSuchCron")<{ readonly what: "task" | "run"; readonly id: string }> {
  override get message() {
    return `this node has no cron ${this.what} ${JSON.stringify(this.id)}`
  }
}

/** A run that a person asked for does not begin. */
export class CronSkipped extends Data.TaggedError("CronSkipped")<{ readonly reason: string }> {
  override get message() {
    return `it is not run: ${this.reason}`
  }
}
