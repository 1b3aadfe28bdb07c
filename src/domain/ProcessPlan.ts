import type { Endpoint } from "./Endpoint.ts"
import type { Desired, ProcessSpec } from "./ProcessSpec.ts"

/** What is otherwise at one address; null: as everywhere. */
export type PlacePlan = { readonly revision: number | null; readonly desired: Desired | null }

/** How a service's processes are to run, and where that is otherwise. */
export type ProcessPlan = {
  /** The newest revision that was saved. */
  readonly revision: number
  /** The one that each place has that names no other; null: none was pushed to all. */
  readonly pushed: number | null
  /** What is wanted everywhere; each spec says the same. */
  readonly desired: Desired
  /** The newest, and all that a place has. */
  readonly revisions: ReadonlyMap<number, ProcessSpec>
  /** By address. */
  readonly places: ReadonlyMap<string, PlacePlan>
}

/** What a node at this address has to run of it, and whether it is wanted there; undefined: nothing was pushed to it. */
export const planAt = (plan: ProcessPlan, address: string) => {
  const place = plan.places.get(address)
  const revision = place?.revision ?? plan.pushed
  const spec = revision === null ? undefined : plan.revisions.get(revision)
  if (revision === null || spec === undefined) return undefined
  return { revision, spec, desired: place?.desired ?? plan.desired }
}

/** Nodes that a spec itself names, for programs that listen nowhere. */
const nodesOf = (spec: ProcessSpec): ReadonlyArray<string> => (spec.kind === "command" ? spec.nodes : [])

/** Addresses at which it may run: those of its endpoints first, then those that what is pushed to them names. */
export const addressesOf = (plan: ProcessPlan | undefined, endpoints: ReadonlyArray<Endpoint>): ReadonlySet<string> => {
  const found = new Set(endpoints.map(({ ip }) => ip))
  const named = new Set([...(plan?.revisions.values() ?? [])].flatMap(nodesOf))
  for (const address of named) {
    const here = plan === undefined ? undefined : planAt(plan, address)
    if (here !== undefined && nodesOf(here.spec).includes(address)) found.add(address)
  }
  return found
}

/** Revisions that a node has, or would get with the next push, the oldest first. */
export const revisionsInUse = ({ places, pushed, revision }: Omit<ProcessPlan, "revisions" | "desired">) =>
  [...new Set([revision, pushed, ...[...places.values()].map((place) => place.revision)])]
    .filter((one) => one !== null)
    .toSorted((a, b) => a - b)
