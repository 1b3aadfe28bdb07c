import { type ProcessAssignment, setIdOf } from "../../domain/ProcessSpec.ts"
import type { Version } from "./Reloads.ts"

/**
 * Which assignment of a new list is for a set that is there. By id; a set from before there were ids is known by its
 * name.
 */
export const sameSet = (
  known: ProcessAssignment,
  next: ReadonlyArray<ProcessAssignment>,
): ProcessAssignment | undefined =>
  next.find((one) => setIdOf(one) === setIdOf(known)) ??
  (known.id === undefined ? next.find((one) => one.name === known.name) : undefined)

/** Its processes can go on as they are, or be replaced one by one: it listens where it did, by whoever did. */
export const goesOn = (known: ProcessAssignment, next: ProcessAssignment): boolean =>
  known.listen?.ip === next.listen?.ip &&
  known.listen?.port === next.listen?.port &&
  known.spec.kind === next.spec.kind &&
  (known.spec.kind === "command" && known.spec.passSocket) === (next.spec.kind === "command" && next.spec.passSocket)

/** The same version under the name that its set has now. */
export const calledAs = ({ assignment, generation }: Version, { id, name, spec }: ProcessAssignment): Version => ({
  generation,
  assignment: {
    ...assignment,
    ...(id === undefined ? {} : { id }),
    name,
    spec: { ...assignment.spec, service: spec.service },
  },
})
