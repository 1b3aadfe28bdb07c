import { type Endpoint, endpointKey } from "./Endpoint.ts"

/** The largest share of the online endpoints that one revision may take away without an override. */
export const lossMax = 0.3

export type GuardVerdict =
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Empty" }
  | { readonly _tag: "LastOnline" }
  | { readonly _tag: "Loss"; readonly lost: number; readonly of: number }

const onlineKeys = (endpoints: ReadonlyArray<Endpoint>) =>
  new Set(endpoints.filter((endpoint) => endpoint.status === "online").map(endpointKey))

/**
 * Whether `next` may follow `previous` unasked. A list that is empty, loses its last online endpoint, or loses more
 * than 30 % of its online endpoints at once is refused: the manager asks a person, the node refuses the push.
 */
export const guard = (previous: ReadonlyArray<Endpoint> | undefined, next: ReadonlyArray<Endpoint>): GuardVerdict => {
  if (next.length === 0) return { _tag: "Empty" }
  const before = onlineKeys(previous ?? [])
  if (before.size === 0) return { _tag: "Pass" }
  const after = onlineKeys(next)
  if (after.size === 0) return { _tag: "LastOnline" }
  const lost = [...before].filter((key) => !after.has(key)).length
  return lost / before.size > lossMax ? { _tag: "Loss", lost, of: before.size } : { _tag: "Pass" }
}

/** What the guard found, as a sentence for logs and errors. */
export const guardReason = (verdict: GuardVerdict): string => {
  switch (verdict._tag) {
    case "Pass":
      return "nothing to object to"
    case "Empty":
      return "the list is empty"
    case "LastOnline":
      return "the list loses its last online endpoint"
    case "Loss":
      return `the list loses ${verdict.lost} of ${verdict.of} online endpoints at once (more than 30 %)`
  }
}
