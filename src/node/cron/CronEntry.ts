import { Result } from "effect"
import type { CronTask } from "../../domain/Cron.ts"
import type { ScheduleFault } from "../../domain/CronExpression.ts"
import { putBackMaxMs } from "../../domain/CronSlots.ts"
import { type Plan, planOf } from "../../domain/Schedule.ts"
import type { TaskRow } from "./CronStore.ts"
import type { TaskRuns } from "./TaskRuns.ts"

/** What makes a schedule another one: after a change of it nothing of the past is due. */
const basisOf = ({ enabled, schedule }: CronTask) => JSON.stringify({ enabled, schedule })

/** Where a task stands that was made or changed now, or is as it was. */
export const rowOf = (task: CronTask, known: TaskRow | undefined, now: number): TaskRow => {
  const basis = basisOf(task)
  if (known?.basis === basis) return known
  return { id: task.id, basis, anchor: now, lastSlot: Math.max(now, known?.lastSlot ?? now) }
}

type CronEntryOptions = {
  readonly task: CronTask
  readonly row: TaskRow
  /** Times after now that have run all the same. */
  readonly ahead: ReadonlySet<number>
  readonly runs: TaskRuns
}

/** A task of the node, and up to when its times have been dealt with. */
export class CronEntry {
  readonly runs: TaskRuns
  task: CronTask
  row: TaskRow
  #plan: Plan
  #nextAt: number | undefined
  /** Times that were dealt with by a clock that was ahead. */
  #ahead: ReadonlySet<number>
  /** What was the last one, before a clock was put back by far. */
  #before: number | undefined

  static make(options: CronEntryOptions) {
    return Result.map(planOf(options.task.schedule, options.row.anchor), (plan) => new CronEntry(options, plan))
  }

  private constructor({ ahead, row, runs, task }: CronEntryOptions, plan: Plan) {
    this.task = task
    this.row = row
    this.runs = runs
    this.#plan = plan
    this.#ahead = ahead
    this.#look()
  }

  /** The same task with other settings. */
  change(task: CronTask, row: TaskRow): Result.Result<void, ScheduleFault> {
    return Result.map(planOf(task.schedule, row.anchor), (plan) => {
      this.task = task
      this.row = row
      this.#plan = plan
      this.#look()
    })
  }

  readonly plan: Plan = {
    next: (after) => {
      let next = this.#plan.next(after)
      while (next !== undefined && this.#ahead.has(next)) next = this.#plan.next(next)
      return next
    },
  }

  /** Undefined: it is not enabled, or its time never comes. */
  get nextAt(): number | undefined {
    return this.#nextAt
  }

  /** All up to this one is dealt with. */
  take(lastSlot: number): void {
    this.row = { ...this.row, lastSlot }
    this.#look()
  }

  /**
   * A clock that was put back by hours was wrong before, so the times that it has skipped come again, but for those that
   * have run. When it turns out that it was right, they are done with.
   */
  heed(now: number, ahead: () => ReadonlySet<number>): void {
    if (this.#before !== undefined && now >= this.#before) {
      if (this.row.lastSlot < this.#before) this.take(this.#before)
      this.#before = undefined
    }
    if (this.row.lastSlot - now <= putBackMaxMs) return
    this.#before = this.row.lastSlot
    this.#ahead = ahead()
    this.row = { ...this.row, anchor: Math.min(this.row.anchor, now) }
    this.#plan = Result.getOrElse(planOf(this.task.schedule, this.row.anchor), () => this.#plan)
    this.take(now)
  }

  #look(): void {
    this.#nextAt = this.task.enabled ? this.plan.next(this.row.lastSlot) : undefined
  }

  get status() {
    return {
      id: this.task.id,
      nextAt: this.#nextAt ?? null,
      running: this.runs.running(),
      last: this.runs.last() ?? null,
    }
  }
}
