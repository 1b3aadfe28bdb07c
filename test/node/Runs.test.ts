import { expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Context, Effect, Layer, type Scope } from "effect"
import { setIdOf } from "../../src/domain/ProcessSpec.ts"
import { dataFolder } from "../../src/node/DataFolder.ts"
import { Runs } from "../../src/node/running/Runs.ts"
import { uptimeMs } from "../../src/platform/ProcessAge.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { command } from "./SetSimulation.ts"

// All processes of a busy machine are looked at.
setDefaultTimeout(120_000)

const assignment = command()
const set = setIdOf(assignment)
const place = { set, kind: "calls", slot: 0 } as const
const intent = { assignment, kind: "calls", slot: 0, count: 1, hasSocket: false, generation: 1, restarts: 0 } as const

/** A run folder; each `agent` begins with what those before it have left there. */
class RunWorld {
  readonly #temporary = temporaryFolder("muster-runs-")
  readonly #folder = dataFolder(this.#temporary.path)
  readonly #children: Array<Bun.Subprocess> = []

  constructor() {
    mkdirSync(this.#folder.socket.folder, { recursive: true })
  }

  readonly agent: Effect.Effect<Runs["Service"], never, Scope.Scope> = Effect.suspend(() =>
    Effect.map(Layer.build(Layer.fresh(Runs.layer(this.#folder))), Context.get(Runs)),
  )

  /** Those of one kind: `.run`, `.end`. */
  files(end: string) {
    const folder = this.#folder.socket.folder
    return readdirSync(folder).flatMap((name) => (name.endsWith(end) ? [join(folder, name)] : []))
  }

  /** A program that leads its session and has the mark of a run; gives what it says first. */
  async start(mark: string, script: string) {
    const child = Bun.spawn(["setsid", "sh", "-c", script], {
      env: { ...process.env, MUSTER_RUN: mark },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    })
    this.#children.push(child)
    const { value } = await child.stdout.getReader().read()
    return { child, pid: Number(new TextDecoder().decode(value)) }
  }

  [Symbol.dispose]() {
    for (const { pid } of this.#children) {
      try {
        process.kill(-pid, "SIGKILL")
      } catch {
        // All of it has ended.
      }
    }
    this.#temporary[Symbol.dispose]()
  }
}

const it = (name: string, use: (world: RunWorld) => Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, async () => {
    using world = new RunWorld()
    await Effect.runPromise(Effect.scoped(use(world)))
  })

it("an instance that was started again is taken for one that has ended, or has no record before its start", (world) =>
  Effect.gen(function* () {
    const first = yield* world.agent
    first.stayDown({ ...place, reason: "exited with code 0", good: true })
    const second = yield* world.agent
    expect(second.take(set).ended).toMatchObject([{ slot: 0, good: true }])
    yield* second.begin(intent)
    expect(world.files(".run")).toHaveLength(1)
    expect((yield* world.agent).take(set)).toMatchObject({ ended: [], runs: [] })
    // It was never started.
    expect(world.files(".run")).toEqual([])
  }))

it("what is said of a run after its end brings its record back", (world) =>
  Effect.gen(function* () {
    const run = yield* (yield* world.agent).begin(intent)
    run.started(identityOf(process.pid)!)
    run.ended()
    run.up()
    run.leaving(1_000)
    expect(world.files(".run")).toEqual([])
  }))

it("the end of a run makes another unknown whose process has the same number", (world) =>
  Effect.gen(function* () {
    const runs = yield* world.agent
    const [former, present] = [yield* runs.begin(intent), yield* runs.begin(intent)]
    former.started(identityOf(process.pid)!)
    present.started(identityOf(process.pid)!)
    former.ended()
    expect(runs.find(process.pid)).toBe(present)
    present.ended()
    expect(runs.find(process.pid)).toBeUndefined()
  }))

it("what was kept before a reboot is obeyed after it", (world) =>
  Effect.gen(function* () {
    const runs = yield* world.agent
    const failure = { state: "FATAL", past: { failures: 3, ends: 3 }, until: null, reason: "x", restarts: 3 } as const
    runs.stayDown({ ...place, reason: "exited with code 0", good: true })
    runs.keepFailure({ ...place, ...failure, assignment })
    runs.keepOrder({ set, order: [1, 0] })
    const suspect = { hash: "h", method: "m", crashes: 1, at: 5 }
    runs.keepPoison({ set, generation: 2, suspects: [suspect], poison: [], assignment })
    expect((yield* world.agent).take(set)).toMatchObject({
      ended: [{}],
      failed: [{}],
      socketOrder: [1, 0],
      poison: { generation: 2, suspects: [suspect] },
    })
    const kinds = [".end", ".failure", ".sockets", ".poison"]
    const files = kinds.flatMap((end) => world.files(end))
    expect(files).toHaveLength(4)
    for (const path of files)
      writeFileSync(path, readFileSync(path, "utf8").replace(/"bootId":"[^"]*"/, '"bootId":"x"'))
    const after = (yield* world.agent).take(set)
    expect(after).toEqual({ runs: [], ended: [], failed: [], socketOrder: undefined, poison: undefined })
    expect(kinds.flatMap((end) => world.files(end))).toEqual([])
  }))

it("a failure that is forgiven is remembered by the next agent", (world) =>
  Effect.gen(function* () {
    const runs = yield* world.agent
    const failure = { state: "BACKOFF", past: { failures: 1, ends: 1 }, until: 1, reason: "x", restarts: 1 } as const
    runs.keepFailure({ ...place, ...failure, assignment })
    expect((yield* world.agent).take(set).failed).toHaveLength(1)
    runs.dropFailure(place)
    expect((yield* world.agent).take(set).failed).toEqual([])
  }))

it("what had ended or failed is kept for a set that was taken off the node, or for the second of its name", (world) =>
  Effect.gen(function* () {
    const first = yield* world.agent
    const failure = { state: "FATAL", past: { failures: 3, ends: 3 }, until: null, reason: "x", restarts: 3 } as const
    first.stayDown({ ...place, reason: "exited with code 0", good: true })
    first.keepFailure({ ...place, slot: 1, ...failure, assignment })
    const second = yield* world.agent
    expect(second.take(set)).toMatchObject({ ended: [{}], failed: [{}] })
    expect(second.take(set)).toMatchObject({ ended: [], failed: [] })
    // What was taken is still so for the agent after it.
    second.rest()
    const third = yield* world.agent
    third.rest()
    expect(third.take(set)).toMatchObject({ ended: [], failed: [] })
    expect([".end", ".failure"].flatMap((end) => world.files(end))).toEqual([])
  }))

it("a process that runs is left over after it was taken, or has its whole time to end again", (world) =>
  Effect.gen(function* () {
    const run = yield* (yield* world.agent).begin(intent)
    const { pid } = yield* Effect.promise(() => world.start(run.mark, "echo $$; exec sleep 300"))
    const before = uptimeMs()
    run.leaving(60_000)
    // Its record does not say which process it is: the agent was killed before it knew.
    const next = yield* world.agent
    const [taken, ...more] = next.take(set).runs
    expect(more).toEqual([])
    expect(taken?.child.identity.pid).toBe(pid)
    expect(taken?.record.drainUntil).toBeWithin(before + 59_000, uptimeMs() + 60_001)
    expect(next.find(pid)?.id).toBe(run.id)
    expect(next.rest()).toEqual([])
    expect(next.take(set).runs).toEqual([])
  }))

it("what a program has left behind is taken for it, and lives on beside the next one", (world) =>
  Effect.gen(function* () {
    const run = yield* (yield* world.agent).begin(intent)
    const script = "sleep 300 >/dev/null 2>&1 & echo $!"
    const { child, pid } = yield* Effect.promise(() => world.start(run.mark, script))
    yield* Effect.promise(() => child.exited)
    expect(identityOf(pid)).toBeDefined()
    expect((yield* world.agent).take(set).runs).toEqual([])
    yield* Effect.promise(() => waitFor(() => identityOf(pid) === undefined))
  }))
