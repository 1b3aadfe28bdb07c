import { describe, expect, test } from "bun:test"
import { type ProcessEvent, type ProcessState, transition } from "../../src/domain/ProcessState.ts"

const at = 100_000
const random = 0.5
const states = {
  STOPPED: { _tag: "STOPPED" },
  STARTING: { _tag: "STARTING", pid: 7, since: at - 100, failures: 2 },
  RUNNING: { _tag: "RUNNING", pid: 7, since: at - 5_000, failures: 2 },
  BACKOFF: { _tag: "BACKOFF", failures: 2, until: at + 10, reason: "before" },
  STOPPING: { _tag: "STOPPING", pid: 7, since: at - 100 },
  FATAL: { _tag: "FATAL", reason: "before" },
} satisfies Record<ProcessState["_tag"], ProcessState>

const events = {
  Start: { _tag: "Start" },
  Spawned: { _tag: "Spawned", pid: 8, at },
  SpawnFailed: { _tag: "SpawnFailed", at, reason: "no such file" },
  Ready: { _tag: "Ready", at },
  Exited: { _tag: "Exited", at, reason: "code 1" },
  BackoffOver: { _tag: "BackoffOver" },
  Stop: { _tag: "Stop", at },
  Replace: { _tag: "Replace" },
  Succeeded: { _tag: "Succeeded", pid: 9, at },
} satisfies Record<ProcessEvent["_tag"], ProcessEvent>

type Row = Record<ProcessEvent["_tag"], string>

/** `STATE/action` after each event; `=` is: nothing changes and nothing is done. */
const table: Record<ProcessState["_tag"], Row> = {
  STOPPED: {
    Start: "STOPPED/spawn",
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    Ready: "=",
    Exited: "=",
    BackoffOver: "=",
    Stop: "=",
    Replace: "STOPPED/dismiss",
    Succeeded: "STOPPED/dismiss",
  },
  STARTING: {
    Start: "=",
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    Ready: "RUNNING/none",
    Exited: "BACKOFF/wait",
    BackoffOver: "=",
    Stop: "STOPPING/terminate",
    Replace: "STARTING/accompany",
    Succeeded: "RUNNING/retire",
  },
  RUNNING: {
    Start: "=",
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    Ready: "=",
    Exited: "BACKOFF/wait",
    BackoffOver: "=",
    Stop: "STOPPING/terminate",
    Replace: "RUNNING/accompany",
    Succeeded: "RUNNING/retire",
  },
  BACKOFF: {
    Start: "=",
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    Ready: "=",
    Exited: "=",
    BackoffOver: "BACKOFF/spawn",
    Stop: "STOPPED/none",
    Replace: "STOPPED/spawn",
    Succeeded: "RUNNING/none",
  },
  STOPPING: {
    Start: "=",
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    Ready: "=",
    Exited: "STOPPED/none",
    BackoffOver: "=",
    Stop: "=",
    Replace: "STOPPING/dismiss",
    Succeeded: "STOPPING/dismiss",
  },
  FATAL: {
    Start: "FATAL/spawn",
    Spawned: "STARTING/none",
    SpawnFailed: "BACKOFF/wait",
    Ready: "=",
    Exited: "=",
    BackoffOver: "=",
    Stop: "STOPPED/none",
    Replace: "STOPPED/spawn",
    Succeeded: "RUNNING/none",
  },
}

describe("each edge of the state machine", () => {
  for (const [from, row] of Object.entries(table)) {
    for (const [event, expected] of Object.entries(row)) {
      test(`${from} on ${event}: ${expected === "=" ? "nothing" : expected}`, () => {
        const before = states[from as keyof typeof states]
        const { action, state } = transition(before, events[event as keyof typeof events], random)
        if (expected === "=") expect({ action, state }).toEqual({ action: "none", state: before })
        else expect(`${state._tag}/${action}`).toBe(expected)
      })
    }
  }
})

test("failures count up over BACKOFF and STARTING, and the wait doubles", () => {
  let state: ProcessState = states.STOPPED
  const waits: Array<number> = []
  for (let nth = 0; nth < 10; nth++) {
    state = transition(state, events.Spawned, random).state
    state = transition(state, events.Exited, random).state
    if (state._tag === "BACKOFF") waits.push(state.until - at)
  }
  expect(waits).toEqual([375, 750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000])
})

test("a run of a minute counts as health: the next failure is the first", () => {
  const long = transition({ ...states.RUNNING, since: at - 60_000 }, events.Exited, random).state
  const short = transition({ ...states.RUNNING, since: at - 59_999 }, events.Exited, random).state
  expect([long, short].map((state) => (state._tag === "BACKOFF" ? state.failures : 0))).toEqual([1, 3])
})

test("the jitter keeps a wait between half of it and all of it", () => {
  const until = (random: number) => {
    const { state } = transition({ ...states.STARTING, failures: 0 }, events.Exited, random)
    return state._tag === "BACKOFF" ? state.until - at : 0
  }
  expect([until(0), until(0.999_999)]).toEqual([250, 500])
})

test("a successor begins with a clean record, whatever its predecessor did", () => {
  expect(transition(states.RUNNING, events.Succeeded, random).state).toEqual({
    _tag: "RUNNING",
    pid: 9,
    since: at,
    failures: 0,
  })
})
