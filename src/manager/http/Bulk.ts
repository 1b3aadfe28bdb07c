import { Effect, Fiber } from "effect"
import type { Target } from "../fleet/BulkJob.ts"

/** What the actions on several rows of a list have in common. */

/** An answer that comes within this time says what came of it; else it says that it has begun. */
const soonMs = 1_500

/** The ids of a form that were chosen, each once. */
export const chosenIds = (fields: URLSearchParams): ReadonlyArray<string> => [
  ...new Set(fields.getAll("ids").flatMap((ids) => ids.split(",").filter((id) => id !== ""))),
]

/** With the names by which these know them; what is not among them keeps its id for a name. */
export const named = (ids: ReadonlyArray<string>, known: ReadonlyArray<Target>): ReadonlyArray<Target> => {
  const names = new Map(known.map(({ id, name }) => [id, name]))
  return ids.map((id) => ({ id, name: names.get(id) ?? id }))
}

/** By names or ids as a program gives them, each once. */
export const given = (words: ReadonlyArray<string>, known: ReadonlyArray<Target>): ReadonlyArray<Target> => {
  const found = words.map((word) => {
    const { id = word, name = word } =
      known.find(({ name }) => name === word) ?? known.find(({ id }) => id === word) ?? {}
    return { id, name }
  })
  return [...new Map(found.map((target) => [target.id, target])).values()]
}

/** Goes on to its end, and is waited for a moment. */
export const forMoment = Effect.fnUntraced(function* <A, R>(work: Effect.Effect<A, never, R>) {
  yield* Effect.timeoutOption(Fiber.join(yield* Effect.forkDetach(work)), soonMs)
})
