import type { Endpoint } from "./Endpoint.ts"
import type { ProcessAssignment, ProcessSpec } from "./ProcessSpec.ts"

/** A service with a process spec, and the endpoints of its released list. */
export type Placeable = {
  readonly spec: ProcessSpec
  readonly specRevision: number
  readonly endpoints: ReadonlyArray<Endpoint>
}

/** What a process set is called on its node, and in the names of its files. */
export const processName = (service: string, port: number): string => `${service}@${port}`

/**
 * What a node has to run: for each service with a spec, one process set for each endpoint on the node's address.
 * Offline endpoints run too: `offline` is about calls, `desired` about processes.
 */
export const placement = (address: string, services: ReadonlyArray<Placeable>): ReadonlyArray<ProcessAssignment> =>
  services
    .flatMap(({ spec, specRevision, endpoints }) =>
      endpoints
        .filter((endpoint) => endpoint.ip === address)
        .map(({ ip, port }) => ({ name: processName(spec.service, port), spec, specRevision, listen: { ip, port } })),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
