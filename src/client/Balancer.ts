import { cheaperOf, type Load, loadCost } from "../domain/Balance.ts"
import { pickWeighted, weightedTable, type WeightedTable } from "../domain/WeightedTable.ts"
import type { WorkerLane } from "./WorkerLane.ts"

/**
 * How far a worker may fall behind its share, or run ahead of it, and have that made up for; in calls of a mean one.
 */
const slackMax = 100
const nothing = weightedTable([])
const idle: Load = { inFlight: 0, share: 1, paceMs: 0, overdueMs: 0, slowness: 1 }

/**
 * Chooses among workers: two are picked at random by weight; the one that is clearly cheaper (quicker answers, less
 * in flight, not silent) takes the call. Where they cost the same, it goes to the one that is further behind its
 * share, so that the weights hold to the call.
 */
export class Balancer {
  readonly #random: () => number
  #lanes: ReadonlyArray<WorkerLane> = []
  #table: WeightedTable = nothing
  /** Where the mean worker is by now, counted as `pass` of each is. */
  #clock = 0
  #known: ReadonlySet<WorkerLane> = new Set()
  #weight = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** Of all together. */
  get weight(): number {
    return this.#weight
  }

  /** The workers to choose among, from now on; each with its weight, above 0. */
  set(lanes: ReadonlyArray<WorkerLane>): void {
    const total = lanes.reduce((sum, { weight }) => sum + weight, 0)
    for (const lane of lanes) {
      lane.share = (lane.weight * lanes.length) / total
      // Somewhere in its first turn: clients that start together must not begin with the same worker.
      if (!this.#known.has(lane)) lane.pass = this.#clock + this.#random() / lane.share
    }
    this.#lanes = lanes
    this.#weight = total
    this.#known = new Set(lanes)
    this.#table = weightedTable(lanes.map(({ weight }) => weight))
  }

  pick(time: number): WorkerLane | undefined {
    const lanes = this.#lanes
    if (lanes.length < 2) return lanes[0]
    const index = pickWeighted(this.#table, this.#random())
    const first = lanes[index]
    const second = lanes[this.#other(index)]
    if (first === undefined || second === undefined) return first
    first.look(time)
    second.look(time)
    const choice = cheaperOf(loadCost(first, second), loadCost(second, first), this.#random())
    const chosen = (choice ?? (first.pass <= second.pass ? 0 : 1)) === 0 ? first : second
    this.#clock += 1 / lanes.length
    const pass = Math.min(Math.max(chosen.pass, this.#clock - slackMax), this.#clock + slackMax)
    chosen.pass = pass + 1 / chosen.share
    return chosen
  }

  /** What one more call costs on a worker, relative to an idle one. */
  cost(lane: WorkerLane, time: number): number {
    lane.look(time)
    return loadCost(lane, idle)
  }

  #other(index: number): number {
    const { length } = this.#lanes
    if (length === 2) return 1 - index
    for (let tries = 0; tries < 2; tries++) {
      const other = pickWeighted(this.#table, this.#random())
      if (other !== index) return other
    }
    return (index + 1 + Math.floor(this.#random() * (length - 1))) % length
  }
}
