/** gRPC's canonical codes, in snake_case: what the `code` of an ERROR frame may be. */
export const errorCodes = [
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** Whether the handler ran: known not to, may have, known to have begun. */
export type Executed = "no" | "maybe" | "yes"

export const isErrorCode = (value: unknown): value is ErrorCode =>
  (errorCodes as ReadonlyArray<unknown>).includes(value)
