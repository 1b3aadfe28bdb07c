import { expect, test } from "bun:test"
import {
  type Problem,
  problemSentence,
  processProblem,
  readProblem,
  writeProblem,
} from "../../../src/domain/Problem.ts"
import {
  BulkRunning,
  Conflict,
  CronChanged,
  CronWaits,
  GuardRefused,
  JoinRefused,
  KernelService,
  NodeUnavailable,
} from "../../../src/manager/fleet/Errors.ts"
import { NotFound, NothingToPush, PushRunning, Stale } from "../../../src/manager/fleet/Errors.ts"
import { sentence } from "../../../src/manager/http/Answers.tsx"
import * as failures from "../../../src/manager/http/Failure.ts"
import { limitsText, noticeText, told, troubleText, waitText } from "../../../ui/parts/Trouble.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { type SetView, waitsFor } from "../../../src/domain/StartOrder.ts"
import { contextOf } from "../../support/galleryFixtures.ts"
import { run } from "../../support/galleryCron.ts"
import { reasonText } from "../../../ui/pages/cron/RunReason.ts"
import { goesOnSince, manyWait, notOverWithin, notPushedHere, runReasons } from "../../../src/domain/RunReason.ts"
import { limitsSentence, type LimitsMissing, readLimits } from "../../../src/domain/LimitsMissing.ts"
import { noticeTexts } from "../../../src/domain/NoticeText.ts"

const english = contextOf("en", "light")
const chinese = contextOf("zh-CN", "light")

// Names, addresses and codes may stay as they are; two English words in a row may not.
const inEnglish = /[a-z]{2,} [a-z]{2,}/i
const inChinese = /\p{Script=Han}/u

const problems: Readonly<Record<Problem["_tag"], Problem>> = {
  NotJoined: { _tag: "NotJoined", ip: "10.0.0.1" },
  NotReachedYet: { _tag: "NotReachedYet" },
  NoConnection: { _tag: "NoConnection", at: "10.0.0.1:8821", detail: "connect ECONNREFUSED 10.0.0.1:8821" },
  NoAnswer: { _tag: "NoAnswer" },
  OtherNode: { _tag: "OtherNode", at: "10.0.0.1:8821", nodeId: "01J0" },
  Guarded: { _tag: "Guarded", verdict: { _tag: "Loss", lost: 2, of: 3 } },
  Ahead: { _tag: "Ahead", revision: 7, newest: 3 },
  ManagerFailed: { _tag: "ManagerFailed" },
  Refused: { _tag: "Refused", detail: "E42" },
  OtherPort: { _tag: "OtherPort", port: 8821 },
  NothingThere: { _tag: "NothingThere" },
  NodeGone: { _tag: "NodeGone" },
  NoSpec: { _tag: "NoSpec" },
  IsStopped: { _tag: "IsStopped" },
  Superseded: { _tag: "Superseded" },
  WaitsFor: { _tag: "WaitsFor", what: "cache is not ready: exited with code 3" },
  StillStopping: { _tag: "StillStopping", pids: [7, 8] },
  SomeNotReady: { _tag: "SomeNotReady", unready: 1, of: 3 },
  InState: { _tag: "InState", state: "FATAL" },
  Exited: { _tag: "Exited", code: 3 },
  Killed: { _tag: "Killed", signal: "SIGKILL" },
  NotReady: { _tag: "NotReady", seconds: 30 },
  Said: { _tag: "Said", detail: "E42" },
}

test("every problem is said in the reader's language", () => {
  for (const [tag, problem] of Object.entries(problems)) {
    const [en, zh] = [troubleText(english, problem), troubleText(chinese, problem)]
    expect({ tag, en: en.length > 0 }).toEqual({ tag, en: true })
    expect(problemSentence(problem).length).toBeGreaterThan(0)
    if (tag === "Said") continue
    expect({ tag, zh, han: inChinese.test(zh), english: inEnglish.test(zh) }).toEqual({
      tag,
      zh,
      han: true,
      english: false,
    })
    expect(inChinese.test(en)).toBe(false)
  }
})

test("what the operating system says of a connection is explained, and its code kept", () => {
  const said = (detail: string) => troubleText(chinese, { _tag: "NoConnection", at: "a:1", detail })
  expect(said("connect ECONNREFUSED 127.0.0.1:1")).toContain("没有程序监听（ECONNREFUSED）")
  expect(said("getaddrinfo ENOTFOUND node-9")).toContain("主机名不存在（ENOTFOUND）")
  expect(said("self-signed certificate in certificate chain")).toContain("证书")
  expect(said("No HELLO within 2000 ms")).toContain("未及时应答")
  expect(said("Cannot connect to 127.0.0.1:1: no answer within 1999.9995 ms")).toContain("未及时应答")
  expect(said("E42")).toContain("E42")
})

test("what an agent says of a process is known again, and a program's own words stay", () => {
  expect(["exited with code 1", "killed by SIGSEGV", "not ready within 30 s"].map(processProblem)).toEqual([
    { _tag: "Exited", code: 1 },
    { _tag: "Killed", signal: "SIGSEGV" },
    { _tag: "NotReady", seconds: 30 },
  ])
  expect(told(chinese, { text: "Cannot find module", problem: processProblem("Cannot find module") })).toBe(
    "Cannot find module",
  )
})

test("what a process waits for is said in the reader's language", () => {
  const set = (service: string, more: Partial<SetView>): SetView => ({
    name: service,
    service,
    dependsOn: [],
    startOrder: 500,
    desired: "running",
    started: false,
    ready: false,
    completed: false,
    settled: false,
    begun: true,
    gone: false,
    reason: null,
    ...more,
  })
  const needs = (condition: "started" | "ready" | "completed") =>
    set("web", { dependsOn: [{ service: ServiceName.make("cache"), condition }], begun: false })
  const all = [
    waitsFor(needs("ready"), [needs("ready")]),
    waitsFor(needs("ready"), [needs("ready"), set("cache", { desired: "stopped" })]),
    ...(["started", "ready", "completed"] as const).map((condition) =>
      waitsFor(needs(condition), [needs(condition), set("cache", { reason: "killed by SIGKILL" })]),
    ),
    waitsFor(set("web", { begun: false }), [set("web", { begun: false }), set("first", { startOrder: 1 })]),
  ]
  for (const said of all) {
    const zh = waitText(chinese, said ?? "")
    expect({ said, zh, han: inChinese.test(zh), english: inEnglish.test(zh) }).toEqual({
      said,
      zh,
      han: true,
      english: false,
    })
  }
  expect(waitText(chinese, "it depends on itself: a needs b")).toBe("it depends on itself: a needs b")
})

test("why a run went as it did is said in the reader's language", () => {
  const agents = [
    ...Object.values(runReasons),
    notOverWithin(2_500),
    notPushedHere("shop"),
    goesOnSince("2026-03-01T12:01:00.000Z"),
    manyWait(100),
    "exited with code 3",
  ]
  for (const reason of agents) {
    const [en, zh] = [english, chinese].map((page) => reasonText(page, run(1, { state: "failed", reason })) ?? "")
    expect({ reason, en, han: inChinese.test(en ?? "") }).toEqual({ reason, en, han: false })
    expect({ zh, han: inChinese.test(zh ?? ""), english: inEnglish.test(zh ?? "") }).toEqual({
      zh,
      han: true,
      english: false,
    })
  }
  expect(reasonText(chinese, run(1, { state: "failed", reason: "no disk" }))).toBe("no disk")
})

test("what a node says a person should see is said in the reader's language", () => {
  const all = [
    noticeTexts.limits("ENOENT"),
    noticeTexts.log("ENOSPC"),
    noticeTexts.portHeld("[::1]:80 is held by pid 4711 (nginx)"),
    noticeTexts.socket(0, 4711),
  ]
  for (const said of all) {
    const zh = noticeText(chinese, said)
    expect({ said, zh, han: inChinese.test(zh) }).toEqual({ said, zh, han: true })
    expect(noticeText(english, said).slice(0, 40)).toBe(said.slice(0, 40))
  }
  expect(noticeText(chinese, "something new")).toBe("something new")
})

test("why limits are not in force is said in the reader's language, in a notice too", () => {
  const all: ReadonlyArray<LimitsMissing> = [
    { _tag: "NotMounted" },
    { _tag: "Unusable", said: "/sys/fs/cgroup/cgroup.procs: EACCES", remedy: "delegate" },
    { _tag: "Unusable", said: "systemd-run: E42: E43", remedy: "root" },
    { _tag: "NotDelegated", controllers: ["memory"], to: "/sys/fs/cgroup/system.slice" },
    { _tag: "NotDelegated", controllers: ["cpu", "memory"], to: "/sys/fs/cgroup" },
  ]
  for (const missing of all) {
    const said = limitsSentence(missing)
    expect(readLimits(said)).toEqual(missing)
    expect(inChinese.test(limitsText(english, said))).toBe(false)
    for (const zh of [limitsText(chinese, said), noticeText(chinese, noticeTexts.limits(said))]) {
      expect({ zh, han: inChinese.test(zh), english: inEnglish.test(zh) }).toEqual({ zh, han: true, english: false })
      if (missing._tag === "Unusable") expect(zh).toContain(missing.said)
      if (missing._tag === "NotDelegated")
        expect(zh).toContain(`${missing.controllers.join(", ")} 委派给 ${missing.to}`)
    }
  }
  expect(limitsText(chinese, "something new")).toBe("something new")
})

test("a problem is stored and read again, and a text that is none is shown as it stands", () => {
  for (const problem of Object.values(problems)) expect(readProblem(writeProblem(problem))).toEqual(problem)
  for (const text of ["connect refused", "{}", '{"_tag":"Odd"}', "null"])
    expect(readProblem(text)).toEqual({ _tag: "Said", detail: text })
})

const conflict = (field: string, why?: "pushed") =>
  new Conflict({ field, value: "orders", reason: "This is for programs", ...(why === undefined ? {} : { why }) })

const all: Readonly<Record<failures.Failure["_tag"], ReadonlyArray<failures.Failure>>> = {
  BodyTooLarge: [new failures.BodyTooLarge({ bytesMax: 100 })],
  BulkRunning: [new BulkRunning({ list: "cron", by: "ann" }), new BulkRunning({ list: "services", by: "ann" })],
  Conflict: [conflict("name"), conflict("ip"), conflict("other"), conflict("name", "pushed")],
  CronChanged: [new CronChanged({ revision: 2, by: "ann" })],
  CronWaits: [new CronWaits({ name: "nightly", node: "n" })],
  ForeignRequest: [new failures.ForeignRequest({ reason: "token" }), new failures.ForeignRequest({ reason: "origin" })],
  GuardRefused: [new GuardRefused({ verdict: { _tag: "Empty" } })],
  InvalidInput: [new failures.InvalidInput({ fields: { port: "E42" } })],
  JoinRefused: [new JoinRefused({ reason: "malformed", message: "This is for programs" })],
  KernelService: [new KernelService({ action: "edit" })],
  Malformed: [new failures.Malformed({ message: "This is for programs" })],
  NoSuchPage: [new failures.NoSuchPage({ path: "/x" })],
  NodeUnavailable: [new NodeUnavailable({ nodeId: "n", problem: problems.NoAnswer })],
  NotFound: [new NotFound({ what: "service", id: "x" })],
  NothingToPush: [new NothingToPush({ reason: "no-clients" }), new NothingToPush({ reason: "nothing-released" })],
  PushRunning: [new PushRunning({ revision: 1, by: "ann", startedAt: 0 })],
  SignInNeeded: [new failures.SignInNeeded()],
  Stale: [new Stale({ baseRevision: 1, revision: 2, by: "ann" })],
  TooMany: [new failures.TooMany({ retryAfterMs: 1_000 })],
}

test("every failure of a request is said in the reader's language", () => {
  for (const [tag, variants] of Object.entries(all)) {
    for (const failure of variants) {
      const [en, zh] = [sentence(english, failure), sentence(chinese, failure)]
      expect({ tag, en, han: inChinese.test(en) }).toEqual({ tag, en, han: false })
      expect({ tag, zh, han: inChinese.test(zh), english: inEnglish.test(zh) }).toEqual({
        tag,
        zh,
        han: true,
        english: false,
      })
    }
  }
})
