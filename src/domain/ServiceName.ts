import { Schema } from "effect"

/**
 * The unique name of a service. It is also a file name (`discovery/<name>.json`) and part of a process title, so it is
 * limited to characters that are safe in both.
 */
export const ServiceName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z][A-Za-z0-9_.-]{0,62}$/, {
    message: "must start with a letter and hold at most 63 letters, digits, '_', '-' or '.'",
  }),
).pipe(Schema.brand("ServiceName"))
export type ServiceName = typeof ServiceName.Type

/** The agent's own service: there from the start, can't be renamed or deleted. */
export const nodeManager = ServiceName.make("node_manager")
