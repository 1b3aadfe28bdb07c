import { Clock, Effect } from "effect"
import { rpcDefaults } from "../../domain/Setting.ts"
import type { TaskPage, TasksChange, TasksRequest } from "../../protocol/NodeManager.ts"
import type { TaskBook } from "./TaskBook.ts"
import type { TaskSet } from "./TaskSet.ts"
import { taskView } from "./TaskView.ts"

type Request = typeof TasksRequest.Type
type Change = typeof TasksChange.Type

/** What a person sees of the queues, and may do with dead letters. */
export const makeTaskLists = ({ known, look, poke, store, write }: TaskBook) => {
  const pageOf = (set: TaskSet, { after = "", limit, state }: Request) => {
    if (state === "dead") return store.page(set.name, "dead", after, limit)
    const ids = [...set.running.keys()].filter((id) => id > after).toSorted()
    if (state === "running") return ids.slice(0, limit).map((id) => store.whole(id))
    const rows = store.page(set.name, "waiting", after, limit + ids.length)
    return rows.filter(({ id }) => !set.running.has(id)).slice(0, limit)
  }

  const list = Effect.fn("TaskQueues.list")(function* (request: Request) {
    const set = yield* known(request.name)
    const rows = yield* look(() => pageOf(set, request))
    const page: TaskPage = {
      tasks: rows.map((row) => taskView(row, set.running.get(row.id)?.attempt)),
      counts: { waiting: set.waiting, running: set.running.size, dead: set.dead },
    }
    return page
  })

  /** `act` takes dead letters away, and answers how many. */
  const change = Effect.fnUntraced(function* (set: TaskSet, act: () => number, after: (changed: number) => void) {
    let changed = 0
    let dead = 0
    yield* write({
      run: () => {
        changed = act()
        dead = store.deadCount(set.name)
      },
      done: () => {
        set.dead = dead
        after(changed)
        poke(set)
      },
    })
    return changed
  })

  const requeue = Effect.fn("TaskQueues.requeue")(function* ({ ids, name }: Change) {
    const set = yield* known(name)
    const now = yield* Clock.currentTimeMillis
    const act = () => {
      const room = set.room(set.settings?.taskQueueMax ?? rpcDefaults.taskQueueMax)
      if (ids === "all") return store.reviveOldest(name, room, now)
      let changed = 0
      for (const id of ids) if (changed < room) changed += store.reviveOne(name, id, now)
      return changed
    }
    return yield* change(set, act, (changed) => void (set.stored += changed))
  })

  const discard = Effect.fn("TaskQueues.discard")(function* ({ ids, name }: Change) {
    const set = yield* known(name)
    const act = () =>
      ids === "all" ? store.discardAll(name) : ids.reduce((sum, id) => sum + store.discardOne(name, id), 0)
    return yield* change(set, act, () => undefined)
  })

  return { list, requeue, discard }
}
