import { sharesOf, slowStartShare } from "../domain/Balance.ts"
import { mayEject } from "../domain/Ejection.ts"
import { usesTls } from "../domain/Loopback.ts"
import { weightedChoice } from "../domain/WeightedChoice.ts"
import type { RpcError } from "../protocol/RpcError.ts"
import { now } from "../rpc/Deadlines.ts"
import { Balancer } from "./Balancer.ts"
import type { CertificateFolder } from "./CertificateFolder.ts"
import { endpointName, type ListedEndpoint, type ServiceEndpoints } from "./EndpointFile.ts"
import { EndpointPool } from "./EndpointPool.ts"
import type { WorkerLane } from "./WorkerLane.ts"

/** While a worker has less than its full share, shares are counted anew so often. */
const rampStepMs = 200

export interface EndpointSetOptions {
  readonly service: string
  readonly name: string
  readonly certificates: CertificateFolder
  readonly random: () => number
  readonly onHello: (idempotent: ReadonlyArray<string>) => void
}

/** Who must not be chosen, or only when there is nobody else. */
export interface Avoided {
  /** The endpoint of this address, whatever its weight. */
  readonly ip: string | undefined
  /** Could not be reached by this call. */
  readonly pools: ReadonlySet<EndpointPool>
  /** Have failed this call. */
  readonly lanes: ReadonlySet<WorkerLane>
}

/** All that a client can call: the endpoints of the list, and the workers behind them. */
export class EndpointSet {
  readonly #options: EndpointSetOptions
  readonly #pools = new Map<string, EndpointPool>()
  readonly #balancer: Balancer
  /** Something in the choice changes by itself then: an ejection is over, a new worker is due more. */
  #wakeAt = Infinity
  /** Left out for long enough: the next call shows whether they are well again. */
  #probes: Array<WorkerLane> = []
  #hasList = false

  constructor(options: EndpointSetOptions) {
    this.#options = options
    this.#balancer = new Balancer(options.random)
  }

  get pools(): Iterable<EndpointPool> {
    return this.#pools.values()
  }

  named(name: string): EndpointPool | undefined {
    for (const pool of this.#pools.values()) if (pool.name === name) return pool
    return undefined
  }

  /** Of all that are chosen among. */
  get weight(): number {
    return this.#balancer.weight
  }

  /** Takes on a list: connections to endpoints that stay are kept, others finish their calls and close. */
  apply(list: ServiceEndpoints): void {
    const left = new Set(this.#pools.keys())
    for (const endpoint of list.endpoints) {
      const key = `${endpointName(endpoint)} ${usesTls(list.tls, endpoint.ip)}`
      // An endpoint that went offline keeps no connection; it gets a new pool when it comes back.
      if (endpoint.status === "offline") continue
      left.delete(key)
      const pool = this.#pools.get(key)
      if (pool === undefined) this.#pools.set(key, this.#makePool(endpoint, list))
      else pool.listed(endpoint)
    }
    for (const key of left) {
      this.#pools.get(key)?.retire()
      this.#pools.delete(key)
    }
    this.#hasList = true
    this.#refresh()
  }

  /**
   * Where the next call goes: by weight, load and speed. Undefined: nobody can be reached just now. `proves`: its end
   * will show whether a worker is well again.
   */
  pick(time: number, proves = true): WorkerLane | undefined {
    if (time >= this.#wakeAt) this.#refresh()
    const probe = proves ? this.#probes.pop() : undefined
    if (probe?.isOpen !== true) return this.#balancer.pick(time)
    probe.worker.prove(time)
    this.#wakeAt = Math.min(this.#wakeAt, probe.worker.provesUntil)
    return probe
  }

  /** Where a call goes that can't go anywhere: the best that is left, by weight and load among equals. */
  pickExcept(avoided: Avoided, time: number): WorkerLane | undefined {
    let best: Array<WorkerLane> = []
    let bestRank = Infinity
    for (const lane of this.#eligible(avoided)) {
      const rank = rankOf(lane, avoided)
      if (rank < bestRank) best = []
      if (rank <= bestRank) best.push(lane)
      bestRank = Math.min(rank, bestRank)
    }
    const weights = best.map((lane) => (lane.weight || 1) / this.#balancer.cost(lane, time))
    return best[weightedChoice(weights, this.#options.random()) ?? 0]
  }

  /** Whether another endpoint than this one may take a call. */
  hasOther(pool: EndpointPool, { ip, pools }: Avoided): boolean {
    for (const other of this.#pools.values())
      if (other !== pool && !pools.has(other) && isEligible(other, ip)) return true
    return false
  }

  answered(lane: WorkerLane, time: number): void {
    lane.worker.answered(time)
    if (lane.worker.probing) this.#restore(lane, time)
  }

  /** A call failed on a worker. Its caller's own change of mind is nothing of the worker's. */
  failed(lane: WorkerLane, error: RpcError, time: number): void {
    const { worker } = lane
    const isGoing = error.executed === "no" && !lane.isOpen
    if (error.code === "cancelled" || isGoing) {
      if (!worker.probing) return
      worker.probing = false
      return this.#refresh()
    }
    const isUnfit = worker.failed({ code: error.code, isOwn: error.cause !== undefined }, time)
    if (worker.probing) {
      if (!worker.isSuspect) return this.#restore(lane, time)
      worker.eject(time, this.#options.random())
      return this.#refresh()
    }
    if (isUnfit && !worker.isOut) this.#eject(lane, time)
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
    this.#refresh()
  }

  #restore(lane: WorkerLane, time: number): void {
    lane.worker.restore(time)
    this.#refresh()
  }

  #eject(lane: WorkerLane, time: number): void {
    let [total, out] = [0, 0]
    for (const pool of this.#pools.values()) {
      if (!isEligible(pool, undefined) || pool.isAway) continue
      total += Math.max(1, pool.lanes.length)
      for (const { worker } of pool.lanes) if (worker.isOut) out++
    }
    if (!mayEject(out, total) || !lane.pool.lanes.includes(lane)) return
    lane.worker.eject(time, this.#options.random())
    this.#refresh()
  }

  *#eligible({ ip, pools }: Avoided): Iterable<WorkerLane> {
    for (const pool of this.#pools.values()) {
      if (!isEligible(pool, ip) || pools.has(pool)) continue
      if (pool.lanes.length === 0) yield pool.entrance
      else yield* pool.lanes
    }
  }

  #makePool(endpoint: ListedEndpoint, list: ServiceEndpoints): EndpointPool {
    const { certificates, name, onHello, service } = this.#options
    return new EndpointPool(endpoint, {
      service,
      client: name,
      tls: usesTls(list.tls, endpoint.ip) ? () => certificates.read() : undefined,
      isNew: this.#hasList,
      onChange: () => this.#refresh(),
      onHello,
    })
  }

  /** Counts anew who is chosen among, and with what weights. */
  #refresh(): void {
    const time = now()
    const lanes: Array<WorkerLane> = []
    this.#wakeAt = Infinity
    this.#probes = []
    for (const pool of this.#pools.values()) {
      if (pool.endpoint.weight === 0 || pool.isAway) continue
      if (pool.lanes.length === 0) lanes.push(pool.entrance)
      for (const lane of pool.lanes) if (this.#isIn(lane, time)) lanes.push(lane)
      this.#weigh(pool, time)
    }
    this.#balancer.set(lanes)
  }

  /** A worker that is left out comes back with one call, when its time is over. */
  #isIn(lane: WorkerLane, time: number): boolean {
    const { worker } = lane
    if (!worker.isOut) return true
    const until = worker.probing ? worker.provesUntil : worker.ejectedUntil
    if (time < until) this.#wakeAt = Math.min(this.#wakeAt, until)
    else this.#probes.push(lane)
    return false
  }

  #weigh(pool: EndpointPool, time: number): void {
    const { lanes } = pool
    pool.entrance.weight = pool.endpoint.weight
    const started = lanes.map(({ worker }) => ({ started: slowStartShare(time - worker.startedAt) }))
    if (started.some((each) => each.started < 1)) this.#wakeAt = Math.min(this.#wakeAt, time + rampStepMs)
    for (const [index, weight] of sharesOf(pool.endpoint.weight, started).entries()) {
      const lane = lanes[index]
      if (lane !== undefined) lane.weight = weight
    }
  }
}

const isEligible = ({ endpoint }: EndpointPool, ip: string | undefined): boolean =>
  ip === undefined ? endpoint.weight > 0 : endpoint.ip === ip

/**
 * How far one would rather not: a worker that failed this call before one that is left out, both before one that is
 * away.
 */
const rankOf = (lane: WorkerLane, { ip, lanes }: Avoided): number => {
  if (lane.pool.isAway) return 3
  if (lanes.has(lane)) return 1
  return ip === undefined && lane.worker.isOut ? 2 : 0
}
