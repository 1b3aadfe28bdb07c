import { Effect } from "effect"
import type { TaskBook } from "./TaskBook.ts"
import type { TaskSet } from "./TaskSet.ts"

type Move = { readonly from: string; readonly to: string }

/** No process set is called so. */
const between = (name: string) => `~${name}`

/** Renames queues, in the file and in memory in one step; two may take each other's names. */
export const makeTaskRename = ({ poke, setOf, sets, write }: TaskBook) => {
  const takeOut = (name: string) => {
    const set = sets.get(name)
    sets.delete(name)
    return set
  }

  const putIn = (set: TaskSet, name: string) => {
    // What a process set of this name had left is this one's now.
    const left = takeOut(name)
    set.name = name
    set.stored += left?.stored ?? 0
    set.dead += left?.dead ?? 0
    sets.set(name, set)
    poke(set)
  }

  return (moves: ReadonlyArray<Move>, then: () => void): Effect.Effect<void> =>
    write({
      run: (store) => {
        for (const { from } of moves) store.rename(from, between(from))
        for (const { from, to } of moves) store.rename(between(from), to)
      },
      done: () => {
        const moved = moves.map(({ from, to }) => ({ set: takeOut(from) ?? setOf(between(from)), to }))
        for (const { from } of moves) sets.delete(between(from))
        for (const { set, to } of moved) putIn(set, to)
        then()
      },
    }).pipe(
      Effect.catch((error) =>
        Effect.andThen(Effect.logError(`${error.message}; tasks wait under the former name`), Effect.sync(then)),
      ),
    )
}
