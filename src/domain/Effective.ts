import type { Problem } from "./Problem.ts"
import type { Endpoint, EndpointStatus } from "./Endpoint.ts"

/** What was last seen of an endpoint. `unknown`: its node is not connected or runs nothing there. */
export type Observed = {
  readonly state: "unknown" | "up" | "starting" | "down"
  /** Milliseconds since 1970 of the last change. */
  readonly since: number | undefined
  readonly reason: string | undefined
  /** The same for a page to say in its reader's language. */
  readonly problem?: Problem | undefined
}

export type Effective = {
  readonly status: EndpointStatus
  readonly weight: number
  /** The rule that made it so. */
  readonly by: "operator"
}

/**
 * What is pushed for an endpoint. Governance will be one more input here; an operator's `offline` always wins, and
 * nothing that was observed ever changes what an operator set.
 */
export const effective = (desired: Endpoint): Effective => ({
  status: desired.status,
  weight: desired.weight,
  by: "operator",
})
