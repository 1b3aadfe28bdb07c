import type { Endpoint } from "./Endpoint.ts"
import type { Desired, ProcessAssignment, ProcessSpec } from "./ProcessSpec.ts"

/** A service with a process spec, and the endpoints of its released list. */
export type Placeable = {
  /** Stays when the service is renamed. */
  readonly serviceId: string
  readonly spec: ProcessSpec
  readonly specRevision: number
  readonly endpoints: ReadonlyArray<Endpoint>
  /** What an operator wants of it on one address, where that is not what the spec says. */
  readonly desiredAt: ReadonlyMap<string, Desired>
}

/** What a process set is called on its node, and in the names of its files. `port` left out: it listens nowhere. */
export const processName = (service: string, port?: number): string =>
  port === undefined ? service : `${service}@${port}`

/** Where the process sets of a service listen that an address has; null: one that listens nowhere. */
export const listensAt = (
  address: string,
  { endpoints, spec }: Pick<Placeable, "endpoints" | "spec">,
): ReadonlyArray<ProcessAssignment["listen"]> => {
  const here = endpoints.filter(({ ip }) => ip === address).map(({ ip, port }) => ({ ip, port }))
  return here.length === 0 && spec.kind === "command" && spec.nodes.includes(address) ? [null] : here
}

/**
 * What a node has to run: for each service with a spec, one process set for each endpoint on the node's address; or one
 * that listens nowhere. Offline endpoints run too: `offline` is about calls, `desired` about processes.
 */
export const placement = (address: string, services: ReadonlyArray<Placeable>): ReadonlyArray<ProcessAssignment> =>
  services
    .flatMap((placeable) =>
      listensAt(address, placeable).map((listen) => {
        const { desiredAt, serviceId, spec, specRevision } = placeable
        return {
          id: processName(serviceId, listen?.port),
          name: processName(spec.service, listen?.port),
          spec: { ...spec, desired: desiredAt.get(address) ?? spec.desired },
          specRevision,
          listen,
        }
      }),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
