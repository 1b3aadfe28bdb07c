import { describe, expect, test } from "bun:test"
import { type ProcessEvent, type ProcessPolicy, type ProcessState, transition } from "../../src/domain/ProcessState.ts"

const at = 100_000
const random = 0.5
const policy: ProcessPolicy = {
  restart: "always",
  successCodes: [0, 2],
  upAtOnce: false,
  startRetries: 10,
  fatalRetryMs: 300_000,
}
const past = { failures: 2, ends: 3 }
const noPast = { failures: 0, ends: 0 }

const states = {
  STOPPED: { _tag: "STOPPED" },
  SPAWNING: { _tag: "STARTING", pid: null, since: at - 100, past, adopted: false },
  STARTING: { _tag: "STARTING", pid: 7, since: at - 100, past, adopted: false },
  RUNNING: { _tag: "RUNNING", pid: 7, since: at - 5_000, past, ready: true, adopted: false },
  UNREADY: { _tag: "RUNNING", pid: 7, since: at - 5_000, past, ready: false, adopted: true },
  BACKOFF: { _tag: "BACKOFF", past, until: at + 10, reason: "before" },
  STOPPING: { _tag: "STOPPING", pid: 7, since: at - 100, next: "stop", adopted: false },
  RESTARTING: { _tag: "STOPPING", pid: 7, since: at - 100, next: "start", adopted: false },
  EXITED: { _tag: "EXITED", reason: "before", good: true },
  FATAL: { _tag: "FATAL", past, until: at + 10, reason: "before" },
  FOREVER: { _tag: "FATAL", past, until: null, reason: "before" },
} satisfies Record<string, ProcessState>

const end = { at, signal: null, forced: false }
const events = {
  Start: { _tag: "Start", at },
  Spawned: { _tag: "Spawned", pid: 8, at },
  SpawnFailed: { _tag: "SpawnFailed", at, reason: "no such file" },
  Up: { _tag: "Up", at, ready: true },
  UpOnly: { _tag: "Up", at, ready: false },
  ProbedGood: { _tag: "Probed", ready: true },
  ProbedBad: { _tag: "Probed", ready: false },
  Failing: { _tag: "Failing" },
  ExitedGood: { _tag: "Exited", ...end, code: 2, reason: "code 2" },
  ExitedBad: { _tag: "Exited", ...end, code: 1, reason: "code 1" },
  ExitedUnknown: { _tag: "Exited", ...end, code: null, reason: "nobody saw it" },
  Killed: { _tag: "Exited", ...end, code: 0, forced: true, reason: "not alive" },
  WaitOver: { _tag: "WaitOver", at },
  Stop: { _tag: "Stop", at },
  Restart: { _tag: "Restart", at },
  Replace: { _tag: "Replace", at },
  Succeeded: { _tag: "Succeeded", pid: 9, at },
  AdoptedUp: { _tag: "Adopted", pid: 9, since: at - 60_000, up: true, ready: true },
  AdoptedEarly: { _tag: "Adopted", pid: 9, since: at - 500, up: false, ready: false },
  Recalled: { _tag: "Recalled", reason: "completed before", good: true },
} satisfies Record<string, ProcessEvent>

type Row = Partial<Record<keyof typeof events, string>>

/** `STATE/action` after each event, the state by its name above; what is not named changes nothing, and nothing is done. */
const table: Record<keyof typeof states, Row> = {
  STOPPED: {
    Start: "SPAWNING/spawn",
    // It was stopped while it was being started.
    Spawned: "STOPPING/terminate",
    Restart: "STOPPED/dismiss",
    Replace: "STOPPED/dismiss",
    Succeeded: "STOPPED/dismiss",
    AdoptedUp: "RUNNING/none",
    AdoptedEarly: "STARTING/none",
    Recalled: "EXITED/none",
  },
  SPAWNING: {
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    ExitedGood: "BACKOFF/wait",
    ExitedBad: "BACKOFF/wait",
    ExitedUnknown: "BACKOFF/wait",
    Killed: "BACKOFF/wait",
    Stop: "STOPPED/none",
    Replace: "SPAWNING/accompany",
    Succeeded: "RUNNING/retire",
  },
  STARTING: {
    SpawnFailed: "BACKOFF/wait",
    Up: "RUNNING/none",
    UpOnly: "UNREADY/none",
    Failing: "STARTING/kill",
    ExitedGood: "BACKOFF/wait",
    ExitedBad: "BACKOFF/wait",
    ExitedUnknown: "BACKOFF/wait",
    Killed: "BACKOFF/wait",
    Stop: "STOPPING/terminate",
    Restart: "RESTARTING/terminate",
    Replace: "STARTING/accompany",
    Succeeded: "RUNNING/retire",
  },
  RUNNING: {
    ProbedBad: "UNREADY/none",
    Failing: "UNREADY/kill",
    ExitedGood: "BACKOFF/wait",
    ExitedBad: "BACKOFF/wait",
    ExitedUnknown: "BACKOFF/wait",
    Killed: "BACKOFF/wait",
    Stop: "STOPPING/terminate",
    Restart: "RESTARTING/terminate",
    Replace: "RUNNING/accompany",
    Succeeded: "RUNNING/retire",
  },
  UNREADY: {
    ProbedGood: "RUNNING/none",
    Failing: "UNREADY/kill",
    ExitedGood: "BACKOFF/wait",
    ExitedBad: "BACKOFF/wait",
    ExitedUnknown: "BACKOFF/wait",
    Killed: "BACKOFF/wait",
    Stop: "STOPPING/terminate",
    Restart: "RESTARTING/terminate",
    Replace: "UNREADY/accompany",
    Succeeded: "RUNNING/retire",
  },
  BACKOFF: {
    Start: "SPAWNING/spawn",
    WaitOver: "SPAWNING/spawn",
    Stop: "STOPPED/none",
    Restart: "SPAWNING/spawn",
    Replace: "SPAWNING/spawn",
    Succeeded: "RUNNING/none",
  },
  STOPPING: {
    Start: "RESTARTING/none",
    ExitedGood: "STOPPED/none",
    ExitedBad: "STOPPED/none",
    ExitedUnknown: "STOPPED/none",
    Killed: "STOPPED/none",
    Restart: "STOPPING/dismiss",
    Replace: "STOPPING/dismiss",
    Succeeded: "STOPPING/dismiss",
  },
  RESTARTING: {
    ExitedGood: "SPAWNING/spawn",
    ExitedBad: "SPAWNING/spawn",
    ExitedUnknown: "SPAWNING/spawn",
    Killed: "SPAWNING/spawn",
    Stop: "STOPPING/none",
    Replace: "RESTARTING/postpone",
    Succeeded: "RESTARTING/dismiss",
  },
  EXITED: {
    Start: "SPAWNING/spawn",
    Stop: "STOPPED/none",
    Restart: "SPAWNING/spawn",
    Replace: "SPAWNING/spawn",
    Succeeded: "RUNNING/none",
  },
  FATAL: {
    Start: "SPAWNING/spawn",
    WaitOver: "SPAWNING/spawn",
    Stop: "STOPPED/none",
    Restart: "SPAWNING/spawn",
    Replace: "SPAWNING/spawn",
    Succeeded: "RUNNING/none",
  },
  FOREVER: {
    Start: "SPAWNING/spawn",
    Stop: "STOPPED/none",
    Restart: "SPAWNING/spawn",
    Replace: "SPAWNING/spawn",
    Succeeded: "RUNNING/none",
  },
}

const nameOf = (state: ProcessState): keyof typeof states => {
  if (state._tag === "STARTING") return state.pid === null ? "SPAWNING" : "STARTING"
  if (state._tag === "RUNNING") return state.ready ? "RUNNING" : "UNREADY"
  if (state._tag === "STOPPING") return state.next === "start" ? "RESTARTING" : "STOPPING"
  if (state._tag === "FATAL") return state.until === null ? "FOREVER" : "FATAL"
  return state._tag
}

const names = Object.keys(states) as Array<keyof typeof states>
const eventNames = Object.keys(events) as Array<keyof typeof events>

describe("each edge of the state machine", () => {
  for (const from of names) {
    for (const event of eventNames) {
      const expected = table[from][event]
      test(`${from} on ${event}: ${expected ?? "nothing"}`, () => {
        const before: ProcessState = states[from]
        const { action, state } = transition(before, events[event], policy, random)
        if (expected === undefined) expect({ action, state }).toEqual({ action: "none", state: before })
        else expect(`${nameOf(state)}/${action}`).toBe(expected)
      })
    }
  }
})

describe("what follows on an end that nobody had asked for, by policy", () => {
  const ends = ["ExitedGood", "ExitedBad", "ExitedUnknown", "Killed"] as const
  const follows = (from: "STARTING" | "RUNNING", restart: ProcessPolicy["restart"], upAtOnce = false) =>
    ends.map((name): string => {
      const { state } = transition(states[from], events[name], { ...policy, restart, upAtOnce }, random)
      if (state._tag === "EXITED") return state.good ? "down, well" : "down, badly"
      return state._tag === "BACKOFF" ? (state.past.failures === 0 ? "again" : "again, failed") : state._tag
    })

  test("of one that was up", () => {
    expect(follows("RUNNING", "always")).toEqual(["again", "again, failed", "again, failed", "again, failed"])
    expect(follows("RUNNING", "unexpected")).toEqual(["down, well", "again, failed", "again, failed", "again, failed"])
    expect(follows("RUNNING", "never")).toEqual(["down, well", "down, badly", "down, badly", "down, badly"])
  })

  test("of one that was not up yet: also a good code is a failed start", () => {
    const failed = ["again, failed", "again, failed", "again, failed", "again, failed"]
    expect(follows("STARTING", "always")).toEqual(failed)
    expect(follows("STARTING", "unexpected")).toEqual(failed)
    expect(follows("STARTING", "never")).toEqual(["down, well", "down, badly", "down, badly", "down, badly"])
  })

  test("of one that is up as soon as it is there: it ends as one that was up, however soon", () => {
    for (const restart of ["always", "unexpected", "never"] as const)
      expect(follows("STARTING", restart, true)).toEqual(follows("RUNNING", restart))
  })
})

/** Starts it and ends it `times` times; gives the states after each end. */
const loop = (times: number, event: ProcessEvent, over: Partial<ProcessPolicy> = {}, up = false) => {
  const own = { ...policy, ...over }
  const after: Array<ProcessState> = []
  let state: ProcessState = states.STOPPED
  for (let nth = 0; nth < times; nth++) {
    state = transition(state, nth === 0 ? events.Start : events.WaitOver, own, random).state
    state = transition(state, events.Spawned, own, random).state
    if (up) state = transition(state, events.Up, own, random).state
    state = transition(state, event, own, random).state
    after.push(state)
  }
  return after
}

const waits = (all: ReadonlyArray<ProcessState>) =>
  all.map((state) => ("until" in state && state.until !== null ? state.until - at : Number.NaN))

test("failures count up, the wait doubles up to a minute, and then it is given up", () => {
  const after = loop(12, events.ExitedBad)
  expect(waits(after)).toEqual([375, 750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000, 300_000, 300_000])
  expect(after.map(({ _tag }) => _tag).slice(9)).toEqual(["BACKOFF", "FATAL", "FATAL"])
})

test("with any number of retries it is never given up, and without a retry time FATAL is for ever", () => {
  expect(loop(1_000, events.ExitedBad, { startRetries: 0 }).every(({ _tag }) => _tag === "BACKOFF")).toBe(true)
  expect(loop(3, events.ExitedBad, { startRetries: 2, fatalRetryMs: 0 }).at(-1)).toMatchObject({ until: null })
})

test("a program that always ends well and is always to run waits longer each time, and is never given up", () => {
  const after = loop(1_000, events.ExitedGood, {}, true)
  expect(waits(after.slice(0, 4))).toEqual([375, 750, 1500, 3000])
  expect(waits(after.slice(-1))).toEqual([45_000])
  expect(after.every(({ _tag }) => _tag === "BACKOFF")).toBe(true)
})

test("good ends between bad ones begin the count of failures anew, and not the wait", () => {
  let state: ProcessState = states.RUNNING
  state = transition(state, events.ExitedGood, policy, random).state
  expect(state).toMatchObject({ past: { failures: 0, ends: 4 } })
})

test("a run of a minute counts as health: the next failure is the first", () => {
  const after = (age: number) =>
    transition({ ...states.RUNNING, since: at - age }, events.ExitedBad, policy, random).state
  expect(after(60_000)).toMatchObject({ past: { failures: 1, ends: 1 } })
  expect(after(59_999)).toMatchObject({ past: { failures: 3, ends: 4 } })
})

test("the wait is counted from when it came up: a program that lives two seconds can't spin, one that has served starts at once", () => {
  let state: ProcessState = { ...states.RUNNING, past: noPast, since: at - 2_000 }
  const left: Array<number> = []
  for (let end = 1; end <= 10; end++) {
    state = transition(state, events.ExitedBad, { ...policy, startRetries: 0 }, random).state
    if (state._tag !== "BACKOFF") throw new Error(state._tag)
    left.push(state.until - at)
    state = { ...states.RUNNING, past: state.past, since: at - 2_000 }
  }
  expect(left).toEqual([0, 0, 0, 1000, 4000, 10_000, 22_000, 43_000, 43_000, 43_000])
})

test("the jitter keeps a wait between half of it and all of it", () => {
  const until = (draw: number) => {
    const { state } = transition({ ...states.STARTING, past: noPast }, events.ExitedBad, policy, draw)
    return state._tag === "BACKOFF" ? state.until - at : 0
  }
  expect([until(0), until(0.999_999)]).toEqual([250, 500])
})

test("a person's start and a replacement begin with a clean record, a retry does not", () => {
  const pastAfter = (from: ProcessState, event: ProcessEvent) => {
    const { state } = transition(from, event, policy, random)
    return "past" in state ? state.past : undefined
  }
  for (const event of [events.Start, events.Restart, events.Replace, events.Succeeded])
    for (const from of [states.BACKOFF, states.FATAL]) expect(pastAfter(from, event)).toEqual(noPast)
  expect(pastAfter(states.RUNNING, events.Succeeded)).toEqual(noPast)
  for (const from of [states.BACKOFF, states.FATAL]) expect(pastAfter(from, events.WaitOver)).toEqual(past)
})

test("an adopted process is known as such until its end, and keeps its age", () => {
  const begun = transition(states.STOPPED, events.AdoptedUp, policy, random).state
  expect(begun).toEqual({ _tag: "RUNNING", pid: 9, since: at - 60_000, past: noPast, ready: true, adopted: true })
  expect(transition(begun, events.ProbedBad, policy, random).state).toMatchObject({ ready: false, adopted: true })
  expect(transition(begun, events.Stop, policy, random).state).toMatchObject({ adopted: true })
  expect(transition(begun, events.Succeeded, policy, random).state).toMatchObject({ adopted: false })
  const early = transition(states.STOPPED, events.AdoptedEarly, policy, random).state
  expect(transition(early, events.Up, policy, random).state).toMatchObject({ _tag: "RUNNING", adopted: true })
})
