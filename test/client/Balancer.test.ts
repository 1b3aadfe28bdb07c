import { describe, expect, test } from "bun:test"
import { usualAfter } from "../../src/domain/Balance.ts"
import { Balancer } from "../../src/client/Balancer.ts"
import { EndpointPool } from "../../src/client/EndpointPool.ts"
import { WorkerLane } from "../../src/client/WorkerLane.ts"
import { WorkerRecord } from "../../src/client/WorkerRecord.ts"
import { randomOf } from "../support/random.ts"

const pool = new EndpointPool(
  { ip: "127.0.0.1", port: 1, weight: 100, status: "online" },
  { service: "s", client: "c", tls: undefined, isNew: false, onChange: () => undefined, onHello: () => undefined },
)

interface Worker {
  readonly weight: number
  /** When a call that arrives at `time` is answered, with so many before it. */
  readonly answerAt: (time: number, before: number) => number
}

interface Load {
  readonly seed: number
  readonly calls: number
  /** Callers that wait for each answer; with `rate`, calls for each millisecond instead. */
  readonly width?: number
  readonly rate?: number
}

/** A turned clock, and no waiting: what the calls of one client come to. */
const simulate = (workers: ReadonlyArray<Worker>, { calls, rate, seed, width = 1 }: Load) => {
  const random = randomOf(seed)
  const balancer = new Balancer(random)
  const lanes = workers.map(({ weight }, id) => {
    const lane = new WorkerLane(pool, new WorkerRecord(id, id, -Infinity))
    lane.weight = weight
    return lane
  })
  balancer.set(lanes)
  const shares = workers.map(() => 0)
  const times: Array<number> = []
  const open: Array<{ at: number; from: number; index: number }> = []
  let usual: number | undefined
  const begin = (time: number) => {
    const lane = balancer.pick(time)!
    const index = lanes.indexOf(lane)
    shares[index]!++
    const at = workers[index]!.answerAt(time, lane.inFlight)
    lane.began(time)
    open.push({ at, from: time, index })
    open.sort((a, b) => b.at - a.at)
  }
  const end = () => {
    const { at, from, index } = open.pop()!
    usual = usualAfter(usual, at - from)
    lanes[index]!.answered(at, at - from, usual)
    times.push(at - from)
    return at
  }
  if (rate === undefined) for (let nth = 0; nth < width; nth++) begin(0)
  for (let begun = width; begun < calls; begun++) {
    if (rate === undefined) begin(end())
    else {
      const time = begun / rate
      while ((open.at(-1)?.at ?? Infinity) <= time) end()
      begin(time)
    }
  }
  while (open.length > 0) end()
  const sorted = times.toSorted((a, b) => a - b)
  return {
    shares: shares.map((share) => share / calls),
    p99: sorted[Math.floor(sorted.length * 0.99)]!,
  }
}

const noise = randomOf(99)
/** One call after the other, about `ms` each, with some that take many times as long. */
const healthy = (weight: number, ms = 0.03): Worker => {
  let freeAt = 0
  return {
    weight,
    answerAt: (time) => {
      const takes = ms * (0.5 + noise()) + (noise() < 0.0001 ? 30 : 0)
      freeAt = Math.max(time, freeAt) + takes
      return freeAt
    },
  }
}
/** The same, but it stands still for `blockedMs` of each second. */
const blocked = (weight: number, blockedMs: number): Worker => {
  let freeAt = 0
  return {
    weight,
    answerAt: (time) => {
      const from = Math.max(time, freeAt)
      const second = Math.floor(from / 1_000) * 1_000
      freeAt = Math.max(from, second + blockedMs) + 0.03
      return freeAt
    },
  }
}

describe("the shares of equal workers", () => {
  test.each([
    [[100, 50], 1],
    [[100, 50], 2],
    [[100, 50], 16],
    [[100, 50], 64],
    [[25, 75], 8],
    [[50, 50, 25, 25], 32],
    [[100, 1, 1, 30, 7], 64],
    [Array.from({ length: 32 }, () => 10), 8],
  ])("are their weights, %p, with %p callers, though each is slow now and then", (weights, width) => {
    const { shares } = simulate(
      weights.map((weight) => healthy(weight)),
      { seed: 11, calls: 40_000, width },
    )
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (const [index, share] of shares.entries()) expect(Math.abs(share - weights[index]! / total)).toBeLessThan(0.02)
  })
})

describe("a worker that is slow", () => {
  test.each([
    [{ width: 16 }, 0.005],
    [{ width: 1 }, 0.005],
    [{ rate: 1 }, 0.02],
    [{ rate: 0.1 }, 0.05],
  ])("by 200 ms gets next to nothing under %p", (load, most) => {
    const slow: Worker = { weight: 100, answerAt: (time) => time + 200 }
    const { p99, shares } = simulate([healthy(100), slow, healthy(100)], { seed: 3, calls: 20_000, ...load })
    expect(shares[1]).toBeLessThan(most)
    if (!("rate" in load) || load.rate > 0.1) expect(p99).toBeLessThan(60)
  })

  test.each([{ width: 1 }, { width: 64 }, { width: 512 }, { rate: 1 }, { rate: 10 }])(
    "for half of each second costs the 99th percentile less than 5 ms under %p",
    (load) => {
      const others = () => Array.from({ length: 3 }, () => healthy(25))
      const options = { seed: 5, calls: 60_000, ...load }
      const well = simulate([...others(), healthy(25)], options)
      const sick = simulate([...others(), blocked(25, 500)], options)
      expect(sick.p99 - well.p99).toBeLessThan(5)
    },
  )

  test("is tried again when it is well, and gets its share back", () => {
    let isSlow = true
    const worker: Worker = { weight: 50, answerAt: (time) => time + (isSlow && time < 1_000 ? 100 : 0.2) }
    const other: Worker = { weight: 50, answerAt: (time) => time + 0.2 }
    const early = simulate([worker, other], { seed: 8, calls: 4_000, rate: 4 })
    expect(early.shares[0]).toBeLessThan(0.05)
    isSlow = true
    const whole = simulate([worker, other], { seed: 8, calls: 400_000, rate: 4 })
    expect(whole.shares[0]).toBeGreaterThan(0.4)
  })
})
