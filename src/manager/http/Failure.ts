import { Data } from "effect"
import type {
  BulkRunning,
  Conflict,
  CronChanged,
  CronWaits,
  GuardRefused,
  JoinRefused,
  KernelService,
  NodeUnavailable,
  NotFound,
  NothingToPush,
  PushRunning,
  Stale,
} from "../fleet/Errors.ts"

/** What was sent does not fit. `fields`: a sentence for each field, by its path (`endpoints.0.port`). */
export class InvalidInput extends Data.TaggedError("InvalidInput")<{
  readonly fields: Readonly<Record<string, string>>
}> {
  override get message() {
    const lines = Object.entries(this.fields).map(([field, problem]) => `${field} ${problem}`)
    return lines.length === 0 ? "The input does not fit" : lines.join("; ")
  }
}

/** The body is not what its route takes: another content type, or not JSON. */
export class Malformed extends Data.TaggedError("Malformed")<{ readonly message: string }> {}

export class BodyTooLarge extends Data.TaggedError("BodyTooLarge")<{ readonly bytesMax: number }> {
  override get message() {
    return `The body is larger than ${this.bytesMax} bytes`
  }
}

/** No session, or one that has ended. */
export class SignInNeeded extends Data.TaggedError("SignInNeeded") {
  override get message() {
    return "Log in first: there is no session, or it has ended"
  }
}

/** A write that did not come from one of our own pages. */
export class ForeignRequest extends Data.TaggedError("ForeignRequest")<{ readonly reason: "origin" | "token" }> {
  override get message() {
    return this.reason === "origin"
      ? "The request came from another site"
      : "The header X-CSRF-Token is missing or belongs to another session: load the page again"
  }
}

export class NoSuchPage extends Data.TaggedError("NoSuchPage")<{ readonly path: string }> {
  override get message() {
    return `There is nothing at ${this.path}`
  }
}

export class TooMany extends Data.TaggedError("TooMany")<{ readonly retryAfterMs: number }> {
  override get message() {
    return `Too many attempts: try again in ${Math.ceil(this.retryAfterMs / 1000)} s`
  }
}

/** Everything that a handler may fail with. What is not here is a defect. */
export type Failure =
  | BodyTooLarge
  | BulkRunning
  | Conflict
  | CronChanged
  | CronWaits
  | ForeignRequest
  | GuardRefused
  | InvalidInput
  | JoinRefused
  | KernelService
  | Malformed
  | NoSuchPage
  | NodeUnavailable
  | NotFound
  | NothingToPush
  | PushRunning
  | SignInNeeded
  | Stale
  | TooMany

export const failureStatus = {
  BodyTooLarge: 413,
  BulkRunning: 409,
  Conflict: 409,
  CronChanged: 409,
  CronWaits: 409,
  ForeignRequest: 403,
  GuardRefused: 409,
  InvalidInput: 422,
  JoinRefused: 403,
  KernelService: 409,
  Malformed: 400,
  NoSuchPage: 404,
  // Not 503, which says that the manager itself is unavailable: no page would show what it carries.
  NodeUnavailable: 409,
  NotFound: 404,
  NothingToPush: 409,
  PushRunning: 409,
  SignInNeeded: 401,
  Stale: 409,
  TooMany: 429,
} as const satisfies Record<Failure["_tag"], number>

/** What the API says of a failure: `{error, message, fields?, …}`. */
export const failureBody = (failure: Failure): Readonly<Record<string, unknown>> => {
  const common = { error: failure._tag, message: failure.message }
  switch (failure._tag) {
    case "InvalidInput":
      return { ...common, fields: failure.fields }
    case "Conflict":
      return { ...common, why: failure.why ?? "taken", fields: { [failure.field]: failure.reason } }
    case "NodeUnavailable":
      return { ...common, problem: failure.problem }
    case "GuardRefused":
      return { ...common, guard: failure.verdict }
    case "CronWaits":
      return { ...common, node: failure.node }
    case "CronChanged":
    case "Stale":
      return { ...common, revision: failure.revision, by: failure.by }
    case "JoinRefused":
      return { ...common, reason: failure.reason }
    case "TooMany":
      return { ...common, retryAfterMs: failure.retryAfterMs }
    default:
      return common
  }
}
