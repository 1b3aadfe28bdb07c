import { Clock, Context, Data, Effect, Layer } from "effect"
import { taskBytesMax } from "../../domain/Task.ts"
import { newId } from "../../platform/Ids.ts"
import type { TaskPage, TasksChange, TasksRequest } from "../../protocol/NodeManager.ts"
import type { TaskOptions } from "../../protocol/TaskOptions.ts"
import type { TaskQueued, TaskToRun } from "../../protocol/WorkerLink.ts"
import { makeRemovedSets } from "./RemovedSets.ts"
import { makeTaskBook, type NoSuchTasks } from "./TaskBook.ts"
import { makeTaskLists } from "./TaskLists.ts"
import { makeTaskRename } from "./TaskRename.ts"
import { type Held, makeTaskReturns } from "./TaskReturns.ts"
import { type Ended, makeTaskRuns, type WorkerName } from "./TaskRuns.ts"
import { type TaskCounts, TaskSet, type TaskSettings } from "./TaskSet.ts"
import type { TaskStoreFailed } from "./TaskStore.ts"
import { makeTaskTurns } from "./TaskTurns.ts"

/** As many tasks wait as may: nothing was queued. */
export class TaskQueueFull extends Data.TaggedError("TaskQueueFull")<{ readonly message: string }> {}

/** Nobody would ever run the task: nothing was queued. */
export class NoTaskWorkers extends Data.TaggedError("NoTaskWorkers")<{ readonly name: string }> {
  override get message() {
    return `${this.name} has no task workers: set taskWorkers above 0`
  }
}

export type NewTask = {
  /** Queued a second time by the same id it is the same task; undefined: a new one. */
  readonly id?: string | undefined
  readonly task: string
  /** One CBOR item. */
  readonly payload: Uint8Array
  readonly options: TaskOptions
  readonly traceparent?: string | undefined
}

/**
 * The durable queues of a node, one for each process set. A task is on the disk before its caller hears that it is
 * queued, and leaves the disk only when it is done: it runs at least once. That it runs is known in memory only. After
 * the end of the agent, however it came, workers that live on tell the next one what they run; all else that ran waits
 * again, and an attempt that was cut off so does not count.
 */
export class TaskQueues extends Context.Service<
  TaskQueues,
  {
    /** The process sets of the node from now on. Tasks of others wait for their return, for a week. */
    readonly assign: (
      sets: ReadonlyArray<{ readonly name: string; readonly settings: TaskSettings }>,
    ) => Effect.Effect<void>
    /** Tasks of process sets that go on under other names go with them. `then`: done in the moment in which they have. */
    readonly rename: (
      moves: ReadonlyArray<{ readonly from: string; readonly to: string }>,
      then: () => void,
    ) => Effect.Effect<void>
    readonly queue: (
      name: string,
      task: NewTask,
    ) => Effect.Effect<TaskQueued, TaskQueueFull | NoTaskWorkers | TaskStoreFailed>
    /** Waits for a task, at most `taskTakeMs`. */
    readonly take: (worker: WorkerName) => Effect.Effect<TaskToRun | null>
    /** The worker takes no more: its take that waits is answered with null. */
    readonly leave: (worker: WorkerName) => Effect.Effect<void>
    /** What became of a taken task. Of one that was taken back meanwhile it is too late to say so. */
    readonly end: (worker: WorkerName, ended: Ended) => Effect.Effect<void, TaskStoreFailed>
    /** A task worker of an agent before this one lives: nothing is given out before it has said what it runs. */
    readonly expect: (worker: WorkerName) => Effect.Effect<void>
    /** It has come back, and holds this task, or none. */
    readonly resume: (worker: WorkerName, held: Held | undefined) => Effect.Effect<void>
    /** The worker's process has ended: what it had taken goes back at once, and the attempt counts. */
    readonly workerGone: (pid: number) => Effect.Effect<void>
    readonly list: (request: typeof TasksRequest.Type) => Effect.Effect<TaskPage, NoSuchTasks | TaskStoreFailed>
    /** Dead letters wait again, with all their attempts; no more than there is room for, the oldest first. */
    readonly requeue: (change: typeof TasksChange.Type) => Effect.Effect<number, NoSuchTasks | TaskStoreFailed>
    readonly discard: (change: typeof TasksChange.Type) => Effect.Effect<number, NoSuchTasks | TaskStoreFailed>
    readonly counts: (name: string) => TaskCounts
  }
>()("muster/node/tasks/TaskQueues") {
  static readonly layer = (path: string, bytesMax = taskBytesMax) =>
    Layer.effect(
      TaskQueues,
      Effect.gen(function* () {
        const book = yield* makeTaskBook(path)
        const runs = makeTaskRuns(book)
        const { leave, take } = yield* makeTaskTurns(book, runs)
        const assign = yield* makeRemovedSets(book)
        const { look, poke, setOf, sets, store, write } = book

        const queue = Effect.fnUntraced(function* (name: string, { id, options, payload, task, traceparent }: NewTask) {
          const set = setOf(name)
          const { settings } = set
          if (settings === undefined || settings.taskWorkers === 0) return yield* new NoTaskWorkers({ name })
          const max = settings.taskQueueMax
          if (set.room(max) === 0) {
            return yield* new TaskQueueFull({
              message: `${max} tasks of ${name} wait already, which is the most (taskQueueMax)`,
            })
          }
          const bytes = yield* look(() => store.bytes())
          if (bytes > bytesMax) {
            return yield* new TaskQueueFull({
              message: `the tasks of this node take ${bytes} bytes, and no more are queued above ${bytesMax}`,
            })
          }
          const now = yield* Clock.currentTimeMillis
          const stored = {
            id: id ?? newId(),
            name,
            task,
            attempts_max: options.attemptsMax ?? settings.taskAttemptsMax,
            timeout_ms: options.timeoutMs ?? settings.taskTimeoutMs,
            due_at: now + (options.delayMs ?? 0),
            queued_at: now,
            traceparent: traceparent ?? null,
          }
          set.arriving += 1
          let added = 0
          yield* write({
            run: () => void (added = store.insert(stored, payload)),
            done: () => {
              set.arriving -= 1
              set.stored += added
              poke(set)
            },
            undone: () => void (set.arriving -= 1),
          })
          return { id: stored.id }
        })

        return TaskQueues.of({
          assign,
          rename: makeTaskRename(book),
          queue,
          take,
          leave,
          end: runs.end,
          workerGone: runs.workerGone,
          ...makeTaskReturns(book),
          ...makeTaskLists(book),
          counts: (name) => sets.get(name)?.counts ?? new TaskSet(name).counts,
        })
      }),
    )
}
