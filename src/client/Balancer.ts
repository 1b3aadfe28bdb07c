import { weightedChoice } from "../domain/WeightedChoice.ts"
import type { ListedEndpoint } from "./EndpointFile.ts"

/** An endpoint that may take the next call, and how many calls this client has open there. */
export interface Candidate {
  readonly endpoint: ListedEndpoint
  readonly inFlight: number
}

/** Picks where a call goes. Candidates are online and have a weight above 0; the array changes only when they do. */
export interface Balancer {
  choose<C extends Candidate>(candidates: ReadonlyArray<C>): C | undefined
}

/** A chance of `weight / total` for each call by itself, whatever the connections are doing. */
export class WeightBalancer implements Balancer {
  readonly #random: () => number
  #candidates: ReadonlyArray<Candidate> = []
  #weights: ReadonlyArray<number> = []

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  choose<C extends Candidate>(candidates: ReadonlyArray<C>): C | undefined {
    if (candidates.length === 1) return candidates[0]
    if (candidates !== this.#candidates) {
      this.#candidates = candidates
      this.#weights = candidates.map(({ endpoint }) => endpoint.weight)
    }
    const index = weightedChoice(this.#weights, this.#random())
    return index === undefined ? undefined : candidates[index]
  }
}
