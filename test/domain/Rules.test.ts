import { describe, expect, test } from "bun:test"
import { Schema } from "effect"
import { backoffDelay, restartBackoff, sessionBackoff } from "../../src/domain/Backoff.ts"
import type { Endpoint } from "../../src/domain/Endpoint.ts"
import { guard, guardReason } from "../../src/domain/Guard.ts"
import { placement } from "../../src/domain/Placement.ts"
import { ProcessSpec } from "../../src/domain/ProcessSpec.ts"
import { weightedChoice } from "../../src/domain/WeightedChoice.ts"

const online = (count: number, offline = 0): Array<Endpoint> =>
  Array.from({ length: count + offline }, (_, index) => ({
    ip: `10.0.0.${index + 1}`,
    port: 80,
    weight: 100,
    status: index < count ? "online" : "offline",
  }))

describe("the guard", () => {
  test("refuses an empty list, always", () => {
    expect(guard(undefined, [])._tag).toBe("Empty")
    expect(guard(online(3), [])._tag).toBe("Empty")
  })

  test("refuses to lose the last online endpoint", () => {
    expect(guard(online(1), online(0, 1))._tag).toBe("LastOnline")
    expect(guard(online(4), online(0, 4))._tag).toBe("LastOnline")
  })

  test("refuses to lose more than 30 % of the online endpoints at once", () => {
    expect(guard(online(10), online(7, 3))._tag).toBe("Pass")
    expect(guard(online(10), online(6, 4))).toEqual({ _tag: "Loss", lost: 4, of: 10 })
    expect(guardReason(guard(online(3), online(2, 1)))).toContain("1 of 3")
  })

  test("counts removed endpoints as lost, and added ones not against them", () => {
    const next = [...online(10).slice(4), { ...online(1)[0]!, ip: "10.9.9.9" }]
    expect(guard(online(10), next)).toEqual({ _tag: "Loss", lost: 4, of: 10 })
  })

  test("lets a first list pass, and one that follows a list with nothing online", () => {
    expect(guard(undefined, online(1))._tag).toBe("Pass")
    expect(guard(online(0, 3), online(0, 1))._tag).toBe("Pass")
  })
})

describe("choice by weight", () => {
  test("never picks weight 0, at either end of the range", () => {
    for (const random of [0, 0.1, 0.5, 0.999999, 1 - Number.EPSILON])
      expect([1, 3]).toContain(weightedChoice([0, 1, 0, 5, 0], random)!)
    expect(weightedChoice([0, 0], 0.5)).toBeUndefined()
    expect(weightedChoice([], 0.5)).toBeUndefined()
  })

  test("gives each range its own lower bound", () => {
    expect(weightedChoice([50, 50], 0)).toBe(0)
    expect(weightedChoice([50, 50], 0.5)).toBe(1)
    expect(weightedChoice([1, 2, 1], 0.25)).toBe(1)
    expect(weightedChoice([1, 2, 1], 0.75)).toBe(2)
  })

  test("splits an even grid of randoms exactly by weight", () => {
    const counts = [0, 0, 0]
    for (let step = 0; step < 1500; step++) counts[weightedChoice([100, 50, 0], step / 1500)!]!++
    expect(counts).toEqual([1000, 500, 0])
  })
})

describe("backoff", () => {
  test("doubles from 0.5 s to 60 s with equal jitter", () => {
    expect(backoffDelay(restartBackoff, 1, 0)).toBe(250)
    expect(backoffDelay(restartBackoff, 1, 1)).toBe(500)
    expect(backoffDelay(restartBackoff, 4, 1)).toBe(4000)
    expect(backoffDelay(restartBackoff, 1000, 1)).toBe(60_000)
  })

  test("of a session never waits so long that a node back for 5 s has no list", () => {
    for (let failures = 1; failures < 100; failures++)
      expect(backoffDelay(sessionBackoff, failures, 0.999)).toBeLessThanOrEqual(3000)
  })
})

describe("placement", () => {
  const spec = Schema.decodeUnknownSync(ProcessSpec)({ kind: "module", service: "greeter", module: "/srv/greeter.ts" })
  const endpoints = [...online(2), { ...online(1)[0]!, port: 81 }]
  const place = { serviceId: "s", spec, specRevision: 3, desiredAt: new Map() }

  test("runs a service once for each of its endpoints on the node's address", () => {
    const names = placement("10.0.0.1", [{ ...place, endpoints }]).map((process) => process.name)
    expect(names).toEqual(["greeter@80", "greeter@81"])
    expect(placement("10.0.0.9", [{ ...place, endpoints }])).toEqual([])
  })

  test("runs offline endpoints too: offline is about calls", () => {
    expect(placement("10.0.0.1", [{ ...place, endpoints: online(0, 1) }])).toHaveLength(1)
  })

  test("a process spec has defaults for all but kind, service and module", () => {
    expect(spec).toMatchObject({ kind: "module", workers: 0, env: {}, tls: "auto", desired: "running" })
  })
})
