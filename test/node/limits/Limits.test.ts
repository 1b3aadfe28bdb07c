import { describe, expect, test } from "bun:test"
import { Effect, Layer, Logger } from "effect"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { unknownEnd, unseenEnd } from "../../../src/domain/Crash.ts"
import { explainedEnd, limitFiles } from "../../../src/domain/Limit.ts"
import { findGround, missingOf, sweepGround } from "../../../src/node/limits/Enclosures.ts"
import { Limiting } from "../../../src/node/limits/Limiting.ts"
import { NodeChanges } from "../../../src/node/NodeChanges.ts"
import { Notices } from "../../../src/node/Notices.ts"
import { type CgroupPlace, findCgroup, oomKillsOfHost } from "../../../src/platform/Cgroup.ts"
import { type Scope, scopeBeside } from "../../../src/platform/SystemdScope.ts"
import { temporaryFolder } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"

const none = { memoryMaxBytes: 0, cpuMaxPercent: 0, pidsMax: 0 }
const all = { memoryMaxBytes: 64 * 1024 ** 2, cpuMaxPercent: 150, pidsMax: 20 }

/** A folder that looks like a hierarchy in which the group `own` was delegated to us with these controllers. */
const hierarchy = (controllers: string, own = "/") => {
  const folder = temporaryFolder("muster-cgroup-")
  const base = join(folder.path, own)
  mkdirSync(base, { recursive: true })
  for (const [file, text] of Object.entries({ controllers, subtree_control: "", procs: "" }))
    writeFileSync(join(base, `cgroup.${file}`), text)
  const read = (...path: ReadonlyArray<string>) => readFileSync(join(base, ...path), "utf8")
  const place: CgroupPlace = { mount: folder.path, own }
  return { place, base, read, [Symbol.dispose]: folder[Symbol.dispose] }
}

const limiting = <A, E>(place: CgroupPlace | undefined, act: Effect.Effect<A, E, Limiting | Notices>) =>
  act.pipe(
    Effect.provide(
      Limiting.layer("/data", () => place).pipe(
        Layer.provideMerge(Notices.layer),
        Layer.provide(NodeChanges.layer),
        Layer.provideMerge(Logger.layer([])),
      ),
    ),
    Effect.runPromise,
  )

test.each([
  ["nothing is limited", none, ["cpu.max=max 100000", "memory.max=max", "memory.oom.group=0", "pids.max=max"]],
  ["all is", all, ["cpu.max=150000 100000", "memory.max=67108864", "memory.oom.group=1", "pids.max=20"]],
  [
    "a hundredth of a CPU",
    { ...none, cpuMaxPercent: 1 },
    ["cpu.max=1000 100000", "memory.max=max", "memory.oom.group=0", "pids.max=max"],
  ],
])("what is written when %s", (_, limits, files) => {
  expect(limitFiles(limits, ["cpu", "memory", "pids"]).map(([file, text]) => `${file}=${text}`)).toEqual(files)
})

test("only what is certain is told as certain", () => {
  const killed = { code: null, signal: "SIGKILL", reason: "killed by SIGKILL" }
  expect(explainedEnd(killed, { inGroup: false, onHost: false }, 0)).toEqual({
    reason: "killed by SIGKILL",
    outOfMemory: false,
  })
  expect(explainedEnd(killed, { inGroup: true, onHost: true }, 64 * 1024 ** 2)).toEqual({
    reason: "killed by SIGKILL: out of memory (limit 64 MiB)",
    outOfMemory: true,
  })
  const likely = explainedEnd(killed, { inGroup: false, onHost: true }, 0)
  expect(likely.reason).toContain("maybe out of memory")
  expect(likely.outOfMemory).toBe(false)
  const failed = { code: 3, signal: null, reason: "exited with code 3" }
  expect(explainedEnd(failed, { inGroup: true, onHost: true }, 64 * 1024 ** 2)).toEqual({
    reason: "exited with code 3",
    outOfMemory: false,
  })
  expect(oomKillsOfHost()).toBeGreaterThanOrEqual(0)
})

test("the group of a process that another agent had started tells of its end for want of memory", () => {
  const unseen = { code: null, signal: null, reason: unseenEnd }
  expect(explainedEnd(unseen, { inGroup: true, onHost: false }, 64 * 1024 ** 2)).toEqual({
    reason: "killed by the kernel while no agent ran: out of memory (limit 64 MiB)",
    outOfMemory: true,
  })
  const unknown = { code: null, signal: null, reason: `${unknownEnd}; its port is held` }
  expect(explainedEnd(unknown, { inGroup: true, onHost: true }, 64 * 1024 ** 2)).toEqual({
    reason: "killed by the kernel; its port is held: out of memory (limit 64 MiB)",
    outOfMemory: true,
  })
  // Without a limit of its own it may have been a child.
  const perhaps = explainedEnd(unknown, { inGroup: true, onHost: false }, 0)
  expect(perhaps.reason).toContain("maybe out of memory")
  expect(perhaps.outOfMemory).toBe(false)
  expect(explainedEnd(unknown, { inGroup: false, onHost: false }, 0)).toEqual({
    reason: unknown.reason,
    outOfMemory: false,
  })
})

describe("a host that can't limit", () => {
  test("without cgroup v2 says so, and what to do", () => {
    expect(missingOf(findGround(undefined, "k"), all)).toBe(
      "cgroup v2 is not mounted: boot with systemd.unified_cgroup_hierarchy=1",
    )
  })

  test("says nothing when nobody asks for a limit", () => {
    expect(missingOf(findGround(undefined, "k"), none)).toBeNull()
  })

  test("names the controllers that it was not given", () => {
    using host = hierarchy("cpuset pids\n", "/system.slice/muster.service/agent")
    mkdirSync(join(host.base, "..", "x"), { recursive: true })
    writeFileSync(join(host.base, "..", "cgroup.controllers"), "pids")
    writeFileSync(join(host.base, "..", "cgroup.subtree_control"), "")
    const ground = findGround(host.place, "k")
    expect(missingOf(ground, all)).toBe(
      `controllers cpu, memory are not delegated to ${host.place.mount}/system.slice/muster.service: use Delegate=yes in the agent's unit, and no cgroup v1 for them`,
    )
    expect(missingOf(ground, { ...none, pidsMax: 5 })).toBeNull()
  })

  test("is not written to where it may not be", () => {
    const ground = findGround({ mount: "/proc", own: "/" }, "k")
    expect(missingOf(ground, all)).toContain("run the agent as a systemd unit with Delegate=yes")
  })

  test("runs the process all the same, with a notice that goes when the limit does", async () => {
    await limiting(
      undefined,
      Effect.gen(function* () {
        const limits = yield* Limiting
        expect(yield* limits.enclose("a", all)).toBeUndefined()
        yield* limits.notify("a@80", limits.missing(all))
        const [notice, ...more] = yield* (yield* Notices).all
        expect(more).toEqual([])
        expect(notice).toMatchObject({ code: "limits", subject: "a@80" })
        expect(notice?.message).toContain("cgroup v2 is not mounted")
        yield* limits.notify("a@80", limits.missing(none))
        expect(yield* (yield* Notices).all).toEqual([])
      }),
    )
  })
})

describe("a hierarchy that was delegated", () => {
  test("hands its controllers on, holds one group for each instance, and takes new numbers at once", async () => {
    using host = hierarchy("cpuset cpu io memory pids", "/system.slice/muster.service/agent")
    const parent = join(host.base, "..")
    for (const file of ["cgroup.controllers", "cgroup.subtree_control", "cgroup.procs"])
      writeFileSync(join(parent, file), file === "cgroup.controllers" ? "cpu memory pids" : "")
    await limiting(
      host.place,
      Effect.gen(function* () {
        const limits = yield* Limiting
        expect(limits.missing(all)).toBeNull()
        const enclosure = yield* limits.enclose("web@80+0.1", all)
        const path = enclosure?.group.path ?? ""
        expect(path).toMatch(/\/muster\.service\/muster-[0-9a-f]{12}\/web@80\+0\.1$/)
        expect(readFileSync(join(parent, "cgroup.subtree_control"), "utf8")).toBe("+cpu +memory +pids")
        expect(readFileSync(join(path, "memory.max"), "utf8")).toBe("67108864")
        enclosure?.limit({ ...all, memoryMaxBytes: 0, cpuMaxPercent: 10 })
        expect(readFileSync(join(path, "memory.max"), "utf8")).toBe("max")
        expect(readFileSync(join(path, "cpu.max"), "utf8")).toBe("10000 100000")
        expect(enclosure?.wasOutOfMemory).toBe(false)
        writeFileSync(join(path, "memory.events"), "low 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 1\n")
        expect(enclosure?.wasOutOfMemory).toBe(true)
      }),
    )
  })

  test("tells of one that has ended while no agent ran whether it was killed, and of no group that is not ours", async () => {
    using host = hierarchy("cpu memory pids")
    await limiting(
      host.place,
      Effect.gen(function* () {
        const limits = yield* Limiting
        const path = (yield* limits.enclose("web@80+0.1", all))?.group.path ?? ""
        writeFileSync(join(path, "cgroup.procs"), "")
        expect(limits.formerEnclosure(path)?.wasOutOfMemory).toBe(false)
        writeFileSync(join(path, "memory.events"), "oom_kill 1\n")
        const former = limits.formerEnclosure(path)
        // Somebody may have removed the group by the time that it is asked.
        writeFileSync(join(path, "memory.events"), "")
        expect(former?.wasOutOfMemory).toBe(true)
        const others = [undefined, host.base, path.replace(/muster-[0-9a-f]{12}/, "muster-0"), `${path}.gone`]
        mkdirSync(others[2] ?? "", { recursive: true })
        writeFileSync(join(others[2] ?? "", "cgroup.procs"), "")
        expect(others.map((other) => limits.formerEnclosure(other))).toEqual(others.map(() => undefined))
      }),
    )
  })

  test("no group is made as long as nobody asks for a limit", async () => {
    using host = hierarchy("cpu memory pids")
    await limiting(
      host.place,
      Effect.gen(function* () {
        const limits = yield* Limiting
        expect(yield* limits.enclose("a", none)).toBeUndefined()
        expect(limits.missing(none)).toBeNull()
      }),
    )
    expect(host.read("cgroup.subtree_control")).toBe("")
  })
})

describe("a unit whose own group holds the agent", () => {
  const own = "/system.slice/muster-node.service"

  /** What systemd makes of a scope: a group in which the process is that holds it open. */
  const started = ({ folder }: Scope) => {
    mkdirSync(folder)
    for (const [file, text] of Object.entries({ controllers: "cpu memory pids", subtree_control: "", procs: "77\n" }))
      writeFileSync(join(folder, `cgroup.${file}`), text)
  }

  test("has a scope beside it, which holds no process itself and stops after the unit", () => {
    using host = hierarchy("cpu memory pids", own)
    const asked: Array<Scope> = []
    const ground = findGround(host.place, "k", (scope) => {
      asked.push(scope)
      started(scope)
    })
    const folder = join(host.base, "../muster-k.scope")
    const scope = { name: "muster-k.scope", folder, unit: "muster-node.service", slice: "system.slice", isUser: false }
    expect(asked).toEqual([scope])
    expect(missingOf(ground, all)).toBeNull()
    expect(readFileSync(join(folder, "holder/cgroup.procs"), "utf8")).toBe("77")
    expect(readFileSync(join(folder, "cgroup.subtree_control"), "utf8")).toBe("+cpu +memory +pids")
    expect(readFileSync(join(folder, "muster-k/cgroup.subtree_control"), "utf8")).toBe("+cpu +memory +pids")
    // With its groups handing on nothing systemd can start the unit again.
    expect(host.read("cgroup.subtree_control")).toBe("")
  })

  test("goes on with the scope of the agent before it", () => {
    using host = hierarchy("cpu memory pids", own)
    findGround(host.place, "k", started)
    const again = findGround(host.place, "k", () => {
      throw new Error("asked again")
    })
    expect(missingOf(again, all)).toBeNull()
  })

  test("says what systemd says when it may have none, and what to do", () => {
    using host = hierarchy("cpu memory pids", own)
    const ground = findGround(host.place, "k", () => {
      throw new Error("systemd-run: Interactive authentication required.")
    })
    expect(missingOf(ground, all)).toBe(
      "cgroup v2 can't be used: systemd-run: Interactive authentication required.: run the agent as root, or add DelegateSubgroup=agent to its unit (systemd 254)",
    )
  })

  test("of a user asks the systemd of that user", () => {
    const place = { mount: "/m", own: "/user.slice/user-7.slice/user@7.service/app.slice/muster-node.service" }
    expect(scopeBeside(place, "x.scope")).toMatchObject({
      slice: "app.slice",
      unit: "muster-node.service",
      isUser: true,
    })
    expect(scopeBeside({ mount: "/m", own: `${own}/agent` }, "x.scope")).toBeUndefined()
    expect(scopeBeside({ mount: "/m", own: "/" }, "x.scope")).toBeUndefined()
  })
})

const real = findCgroup()
const canWrite = findGround(real, "probe")._tag === "Ground"
if (real !== undefined && canWrite) sweepGround(real, "probe", true)

describe.skipIf(!canWrite)("the kernel's own hierarchy", () => {
  test("a tree that double-forks and ignores TERM does not outlive its group, and no empty group stays", async () => {
    const found: { path: string } = { path: "" }
    await limiting(
      real,
      Effect.gen(function* () {
        const limits = yield* Limiting
        const enclosure = yield* limits.enclose("tree@1+0.1", { ...none, pidsMax: 100 })
        if (enclosure === undefined) throw new Error("no group")
        found.path = enclosure.group.path
        const line = `read go; trap '' TERM; (setsid sh -c 'trap "" TERM; sleep 300' &) ; sleep 300`
        const child = Bun.spawn(["sh", "-c", line], { stdin: "pipe" })
        enclosure.group.add(child.pid)
        child.stdin.write("go\n")
        yield* Effect.promise(async () => await child.stdin.end())
        yield* Effect.promise(() => waitFor(() => enclosure.group.pids.length >= 4))
        expect(limits.enclosureOf(child.pid)?.group.path).toBe(enclosure.group.path)
        expect(limits.enclosureOf(process.pid)).toBeUndefined()
        const pids = enclosure.group.pids
        yield* limits.release(enclosure)
        yield* Effect.promise(() => child.exited)
        yield* Effect.promise(() => waitFor(() => pids.every((pid) => !existsSync(`/proc/${pid}`))))
        yield* Effect.promise(() => waitFor(() => !existsSync(found.path)))
      }),
    )
    expect(existsSync(join(found.path, ".."))).toBe(false)
  }, 60_000)
})
