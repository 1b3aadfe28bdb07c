import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Effect, type Layer, ManagedRuntime, Schema } from "effect"
import { addressesOf, planAt } from "../../../src/domain/ProcessPlan.ts"
import { countOf, NamelessSpec } from "../../../src/domain/ProcessSpec.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { ProcessSpecsRepo, type StoredSpec } from "../../../src/manager/store/ProcessSpecsRepo.ts"
import { ServicesRepo } from "../../../src/manager/store/ServicesRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { engines, removeFresh, startMs } from "./engines.ts"

type Store = Layer.Success<ReturnType<typeof storeLayer>>

const command = (fields: Record<string, unknown> = {}) =>
  Schema.decodeUnknownSync(NamelessSpec)({ kind: "command", command: { argv: ["sleep", "1"] }, ...fields })

/** What is stored of the service `id` behind a change of it. */
const reading = (specs: ProcessSpecsRepo["Service"], id: string) =>
  Effect.fnUntraced(function* <E>(change: Effect.Effect<unknown, E>) {
    yield* change
    const stored = yield* specs.get(id)
    return stored ?? (yield* Effect.die(new Error(`nothing is stored of ${id}`)))
  })

const has = (stored: StoredSpec, ip: string) => {
  const here = planAt(stored, ip)
  return here === undefined ? undefined : [here.revision, here.desired, countOf(here.spec)]
}

afterAll(removeFresh)

describe.each(engines)("what is wanted of processes, on $name,", ({ fresh }) => {
  let runtime: ManagedRuntime.ManagedRuntime<Store, unknown>
  beforeAll(async () => void (runtime = ManagedRuntime.make(storeLayer(await fresh()))), startMs)
  afterAll(() => runtime.dispose())

  const it = <E>(name: string, effect: Effect.Effect<void, E, Store>) => test(name, () => runtime.runPromise(effect))

  const create = Effect.fnUntraced(function* (name: string) {
    const fields = { name: ServiceName.make(name), description: "", tls: "auto" as const }
    return (yield* (yield* ServicesRepo).create(fields, "ann")).id
  })

  it(
    "may be otherwise on one node, until the whole service is started or stopped",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const id = yield* create("Wanted")
      const after = reading(specs, id)
      yield* specs.set(id, command(), "ann")
      yield* specs.want(id, "stopped", ["10.0.0.1"], "bob")
      const one = yield* after(specs.want(id, "stopped", ["10.0.0.1", "10.0.0.2"], "bob"))
      expect([has(one, "10.0.0.1"), has(one, "10.0.0.2"), has(one, "10.0.0.3")]).toEqual([
        [1, "stopped", 1],
        [1, "stopped", 1],
        [1, "running", 1],
      ])
      const back = yield* after(specs.want(id, "running", ["10.0.0.2"], "bob"))
      expect([...back.places.keys()]).toEqual(["10.0.0.1"])
      const all = yield* after(specs.want(id, "stopped", "all", "bob"))
      expect(all).toMatchObject({ desired: "stopped", revision: 1, spec: { desired: "stopped" } })
      expect(all.places.size).toBe(0)
      yield* specs.want(id, "running", ["10.0.0.1"], "bob")
      const running = yield* after(specs.want(id, "running", "all", "bob"))
      expect([running.places.size, has(running, "10.0.0.1")]).toEqual([0, [1, "running", 1]])
    }),
  )

  it(
    "stays as it is when a spec is saved that says the same, and is as the spec says when it says otherwise",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const id = yield* create("Saved")
      const after = reading(specs, id)
      yield* specs.set(id, command(), "ann")
      yield* specs.want(id, "stopped", ["10.0.0.1"], "bob")
      const same = yield* after(specs.set(id, command({ instances: 2 }), "ann"))
      expect([has(same, "10.0.0.1"), has(same, "10.0.0.2")]).toEqual([
        [2, "stopped", 2],
        [2, "running", 2],
      ])
      const other = yield* after(specs.set(id, command({ desired: "stopped" }), "ann"))
      expect([other.places.size, has(other, "10.0.0.1"), has(other, "10.0.0.2")]).toEqual([
        0,
        [3, "stopped", 1],
        [3, "stopped", 1],
      ])
    }),
  )

  it(
    "a revision can be held back, pushed to one node, to all, and taken back",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const id = yield* create("Held")
      const after = reading(specs, id)
      const first = yield* after(specs.set(id, command(), "ann", { pushed: false }))
      expect([first.pushed, has(first, "10.0.0.1")]).toEqual([null, undefined])
      yield* specs.push(id, 1, "all", "ann")
      yield* specs.set(id, command({ instances: 5 }), "ann", { pushed: false })
      const one = yield* after(specs.push(id, 2, ["10.0.0.1"], "ann"))
      expect([has(one, "10.0.0.1"), has(one, "10.0.0.2"), one.spec.kind === "command" && one.spec.instances]).toEqual([
        [2, "running", 5],
        [1, "running", 1],
        5,
      ])
      const back = yield* after(specs.push(id, 1, ["10.0.0.1"], "ann"))
      expect([back.places.size, has(back, "10.0.0.1")]).toEqual([0, [1, "running", 1]])
      yield* specs.push(id, 2, ["10.0.0.1"], "ann")
      yield* specs.want(id, "stopped", ["10.0.0.1"], "ann")
      const all = yield* after(specs.push(id, 2, "all", "ann"))
      expect([has(all, "10.0.0.1"), has(all, "10.0.0.2")]).toEqual([
        [2, "stopped", 5],
        [2, "running", 5],
      ])
      expect(yield* Effect.flip(specs.push(id, 9, "all", "ann"))).toMatchObject({ what: "process revision", id: "9" })
    }),
  )

  it(
    "a change of what is in use leaves held back what was, and is undone as a whole when it fails",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const id = yield* create("Scaled")
      const after = reading(specs, id)
      yield* specs.set(id, command({ env: { A: "1" } }), "ann")
      yield* specs.set(id, command({ env: { A: "2" } }), "ann", { pushed: false })
      yield* specs.push(id, 2, ["10.0.0.1"], "ann")
      yield* specs.set(id, command({ env: { A: "3" } }), "ann", { pushed: false })
      const scaled = yield* after(specs.change(id, (spec) => ({ ...spec, instances: 7 }) as typeof spec, "ann"))
      expect([scaled.pushed, scaled.revision, has(scaled, "10.0.0.1"), has(scaled, "10.0.0.2")]).toEqual([
        4,
        6,
        [5, "running", 7],
        [4, "running", 7],
      ])
      expect([...scaled.revisions].map(([revision, { env }]) => [revision, env["A"]])).toEqual([
        [4, "1"],
        [5, "2"],
        [6, "3"],
      ])
      const broken = specs.change(
        id,
        () => {
          throw new Error("no")
        },
        "ann",
      )
      expect((yield* Effect.exit(broken))._tag).toBe("Failure")
      expect(yield* specs.get(id)).toEqual(scaled)
    }),
  )

  it(
    "goes with the service's process, and comes back with none of it",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const id = yield* create("Gone")
      const after = reading(specs, id)
      yield* specs.set(id, command(), "ann")
      yield* specs.want(id, "stopped", ["10.0.0.1"], "ann")
      expect(yield* specs.remove(id)).toBe(true)
      expect((yield* Effect.flip(specs.want(id, "stopped", "all", "ann")))._tag).toBe("NotFound")
      const anew = yield* after(specs.set(id, command(), "ann"))
      expect([anew.revision, anew.places.size, has(anew, "10.0.0.1")]).toEqual([2, 0, [2, "running", 1]])
    }),
  )

  it(
    "places services without endpoints on the nodes that what they have names",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const id = yield* create("Nowhere")
      const after = reading(specs, id)
      yield* specs.set(id, command({ nodes: ["10.0.0.1"] }), "ann")
      const more = command({ nodes: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] })
      yield* specs.set(id, more, "ann", { pushed: false })
      const one = yield* after(specs.push(id, 2, ["10.0.0.2"], "ann"))
      expect([...addressesOf(one, [])].toSorted()).toEqual(["10.0.0.1", "10.0.0.2"])
      expect([...addressesOf(yield* after(specs.push(id, 2, "all", "ann")), [])]).toHaveLength(3)
    }),
  )
})
