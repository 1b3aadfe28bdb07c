import { describe, expect, test } from "bun:test"
import { circleOf, type SetView, startWaves, stopsAfter, waitsFor } from "../../src/domain/StartOrder.ts"

const set = (name: string, over: Partial<SetView> = {}): SetView => ({
  name,
  service: name,
  startOrder: 500,
  dependsOn: [],
  desired: "running",
  begun: false,
  settled: false,
  started: false,
  ready: false,
  completed: false,
  gone: false,
  reason: null,
  ...over,
})

type Condition = "started" | "ready" | "completed"
const needs = (condition: Condition, ...services: ReadonlyArray<string>) => ({
  dependsOn: services.map((service) => ({ service, condition })) as unknown as SetView["dependsOn"],
})
const up = { begun: true, settled: true, started: true, ready: true }

const names = (waves: ReadonlyArray<ReadonlyArray<SetView>>) => waves.map((wave) => wave.map(({ name }) => name))

describe("what a set waits for", () => {
  const api = (condition: Condition) => set("api", needs(condition, "cache"))
  const rows: ReadonlyArray<[string, Condition, ReadonlyArray<SetView>, string | undefined]> = [
    ["a service that no set is of", "ready", [], "this node does not run cache"],
    ["one that has not started", "started", [set("cache")], "cache has not started"],
    ["one that has", "started", [set("cache", { begun: true, started: true })], undefined],
    ["one that is up and not ready", "ready", [set("cache", { begun: true, started: true })], "cache is not ready"],
    ["one that is ready", "ready", [set("cache", up)], undefined],
    [
      "one that fails",
      "ready",
      [set("cache", { begun: true, reason: "exited with code 3" })],
      "cache is not ready: exited with code 3",
    ],
    ["one that a person has stopped", "ready", [set("cache", { desired: "stopped" })], "cache is stopped"],
    ["one that runs and is to complete", "completed", [set("cache", up)], "cache has not completed"],
    [
      "one that has completed",
      "completed",
      [set("cache", { started: true, completed: true, settled: true })],
      undefined,
    ],
    [
      "one that has completed, to have started",
      "started",
      [set("cache", { started: true, completed: true })],
      undefined,
    ],
    [
      "two sets of a service, one of which is ready",
      "ready",
      [set("cache@1", { service: "cache" }), set("cache@2", { ...up, service: "cache" })],
      undefined,
    ],
    [
      "two sets of a service, one of which has completed",
      "completed",
      [set("cache@1", { service: "cache" }), set("cache@2", { service: "cache", completed: true })],
      "cache has not completed",
    ],
  ]
  for (const [what, condition, others, expected] of rows)
    test(what, () => {
      const own = api(condition)
      expect(waitsFor(own, [own, ...others])).toBe(expected)
    })

  test("the first of several that is missing", () => {
    const own = set("api", needs("ready", "cache", "queue"))
    expect(waitsFor(own, [own, set("cache", up), set("queue")])).toBe("queue is not ready")
    expect(waitsFor(own, [own, set("cache", up), set("queue", up)])).toBeUndefined()
  })

  test("a circle is told, and holds up nobody else", () => {
    const a = set("a", { ...needs("ready", "b"), startOrder: 1 })
    const b = set("b", { ...needs("started", "a"), startOrder: 1 })
    const self = set("self", needs("ready", "self"))
    const other = set("other")
    const all = [a, b, self, other]
    expect(waitsFor({ ...a }, all)).toBe("it depends on itself: a needs b needs a")
    expect(waitsFor(b, all)).toBe("it depends on itself: b needs a needs b")
    expect(waitsFor(self, all)).toBe("it depends on itself: self needs self")
    expect(waitsFor(other, all)).toBeUndefined()
  })

  test("one that waits for a circle tells what it waits for", () => {
    const a = set("a", needs("ready", "a"))
    const c = set("c", needs("ready", "a"))
    expect(circleOf(c, [a, c])).toBeUndefined()
    expect(waitsFor(c, [a, c])).toBe("a is not ready")
  })

  test("a lower start order goes first, until it has come up or could not", () => {
    const late = set("late", { startOrder: 20 })
    const early = (over: Partial<SetView> = {}) => set("early", { startOrder: 10, ...over })
    expect(waitsFor(late, [late, early()])).toBe("early starts before it")
    expect(waitsFor(late, [late, early({ begun: true })])).toBe("early starts before it")
    expect(waitsFor(late, [late, early({ begun: true, settled: true, reason: "exited with code 1" })])).toBeUndefined()
    expect(waitsFor(late, [late, early({ desired: "stopped" })])).toBeUndefined()
    expect(waitsFor(early(), [late, early()])).toBeUndefined()
    expect(waitsFor(late, [late, set("same", { startOrder: 20 })])).toBeUndefined()
  })

  test("one with a lower start order that itself waits in vain holds up nobody", () => {
    const late = set("late", { startOrder: 20 })
    const early = set("early", { startOrder: 10, ...needs("ready", "nowhere") })
    expect(waitsFor(late, [late, early])).toBeUndefined()
  })

  test("a dependency goes before the start order", () => {
    const api = set("api", { startOrder: 1, ...needs("ready", "cache") })
    const cache = set("cache", { startOrder: 9 })
    expect(waitsFor(cache, [api, cache])).toBeUndefined()
    expect(waitsFor(api, [api, cache])).toBe("cache is not ready")
  })
})

test("waves start by dependencies first and by order then, and stop the other way round", () => {
  const sets = [
    set("web", { startOrder: 900 }),
    set("api", { startOrder: 1, ...needs("ready", "cache") }),
    set("cache", { startOrder: 3 }),
    set("log", { startOrder: 2 }),
    set("metrics", { startOrder: 2 }),
  ]
  expect(names(startWaves(sets))).toEqual([["log", "metrics"], ["cache"], ["api"], ["web"]])
  const circle = [set("a", needs("ready", "b")), set("b", needs("ready", "a")), set("c", { startOrder: 501 })]
  expect(names(startWaves(circle))).toEqual([["c"], ["a", "b"]])
})

describe("what a set waits for before it stops", () => {
  const down = { desired: "stopped" } as const
  const cache = set("cache", { ...down, ...up })
  const api = set("api", { ...down, ...up, ...needs("ready", "cache") })

  test("those that need it, as long as anything of them is there", () => {
    expect(stopsAfter(cache, [cache, api])).toBe("api stops before it")
    expect(stopsAfter(api, [cache, api])).toBeUndefined()
    expect(stopsAfter(cache, [cache, { ...api, gone: true }])).toBeUndefined()
    expect(stopsAfter(cache, [cache])).toBeUndefined()
  })

  test("those with a higher start order", () => {
    const late = set("late", { ...down, startOrder: 501 })
    expect(stopsAfter(cache, [cache, late])).toBe("late stops before it")
    expect(stopsAfter(late, [cache, late])).toBeUndefined()
  })

  test("of many in whatever relation, one may always stop", () => {
    const random = (seed: number) => {
      let state = seed
      return (below: number) => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        return Math.floor((state / 2_147_483_648) * below)
      }
    }
    for (let seed = 1; seed <= 300; seed++) {
      const draw = random(seed)
      const all = Array.from({ length: 6 }, (_, nth) =>
        set(`s${nth}`, {
          ...down,
          startOrder: draw(3),
          ...needs("ready", ...Array.from({ length: draw(3) }, () => `s${draw(6)}`)),
        }),
      )
      let left = all
      while (left.length > 0) {
        const free = left.filter((one) => stopsAfter(one, left) === undefined)
        expect(free.length, `seed ${seed}: ${left.map(({ name }) => name).join()}`).toBeGreaterThan(0)
        left = left.filter((one) => !free.includes(one))
      }
    }
  })
})
