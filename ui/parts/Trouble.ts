import type { GuardVerdict } from "../../src/domain/Guard.ts"
import { readLimits } from "../../src/domain/LimitsMissing.ts"
import { readNotice } from "../../src/domain/NoticeText.ts"
import { type Problem, processProblem } from "../../src/domain/Problem.ts"
import { readWait } from "../../src/domain/StartOrder.ts"
import type { PageContext } from "../ViewModels.ts"

/** What the guard found, in the reader's language. */
export const guardText = ({ t: { guard } }: PageContext, verdict: GuardVerdict): string => {
  switch (verdict._tag) {
    case "Pass":
      return ""
    case "Empty":
      return guard.empty
    case "LastOnline":
      return guard.lastOnline
    case "Loss":
      return guard.loss(verdict.lost, verdict.of)
  }
}

/** The operating system's code is kept: it is what one looks for. */
const causeText = ({ t: { trouble } }: PageContext, detail: string): string => {
  const code = /\bE[A-Z_]{4,}\b/.exec(detail)?.[0] ?? ""
  const known = Object.entries(trouble.cause).find(([name]) => name === code)
  if (known !== undefined) return trouble.withCode(known[1], code)
  if (/certificate/i.test(detail)) return trouble.cause.certificate
  return /\b(?:timed? ?out|within [\d.]+ ms)\b/i.test(detail) ? trouble.cause.timeout : detail
}

/** What a process waits for, as its agent says it, in the reader's language. */
export const waitText = (page: PageContext, what: string): string => {
  const { waits } = page.t.processes
  const wait = readWait(what)
  if (wait === undefined) return what
  const because = wait.because === undefined ? "" : waits.because(troubleText(page, processProblem(wait.because)))
  return waits[wait.kind](wait.service) + because
}

/** Why limits are not in force, as an agent says it, in the reader's language. */
export const limitsText = ({ t: { processes } }: PageContext, why: string): string => {
  const { limits } = processes
  const missing = readLimits(why)
  switch (missing?._tag) {
    case undefined:
      return why
    case "NotMounted":
      return limits.notMounted
    case "Unusable":
      return limits.unusable(missing.said, limits[missing.remedy])
    case "NotDelegated":
      return limits.notDelegated(missing.controllers.join(", "), missing.to)
  }
}

/** What a node says a person should see, in the reader's language. */
export const noticeText = (page: PageContext, message: string): string => {
  const { notices } = page.t
  const notice = readNotice(message)
  if (notice === undefined) return message
  switch (notice.key) {
    case "portHeld":
      return notices.portHeld(notice.at, notice.holder)
    case "socket":
      return notices.socket(notice.slot, notice.pid)
    case "limits":
      return notices.limits(limitsText(page, notice.why))
    case "log":
      return notices.log(notice.why)
  }
}

type Texts = {
  readonly [Tag in Problem["_tag"]]: (page: PageContext, problem: Extract<Problem, { _tag: Tag }>) => string
}

const texts: Texts = {
  NotJoined: ({ t }, { ip }) => t.trouble.notJoined(ip),
  NotReachedYet: ({ t }) => t.trouble.notReachedYet,
  NoConnection: (page, { at, detail }) => page.t.trouble.noConnection(at, causeText(page, detail)),
  NoAnswer: ({ t }) => t.trouble.noAnswer,
  OtherNode: ({ t }, { at, nodeId }) => t.trouble.otherNode(at, nodeId),
  Guarded: (page, { verdict }) => page.t.trouble.guarded(guardText(page, verdict)),
  Ahead: ({ t }, { newest, revision }) => t.trouble.ahead(revision, newest),
  ManagerFailed: ({ t }) => t.trouble.managerFailed,
  Refused: ({ t }, { detail }) => t.trouble.refused(detail),
  OtherPort: ({ t }, { port }) => t.trouble.otherPort(port),
  NothingThere: ({ t }) => t.trouble.nothingThere,
  NodeGone: ({ t }) => t.trouble.nodeGone,
  NoSpec: ({ t }) => t.trouble.noSpec,
  IsStopped: ({ t }) => t.trouble.isStopped,
  Superseded: ({ t }) => t.trouble.superseded,
  WaitsFor: (page, { what }) => page.t.processes.waitsFor(waitText(page, what)),
  StillStopping: ({ t }, { pids }) => t.trouble.stillStopping(pids.join(", ")),
  SomeNotReady: ({ t }, { of, unready }) => t.trouble.someNotReady(unready, of),
  InState: ({ t }, { state }) => t.worker[state],
  Exited: ({ t }, { code }) => t.trouble.exited(code),
  Killed: ({ t }, { signal }) => t.trouble.killed(signal),
  NotReady: ({ t }, { seconds }) => t.trouble.notReady(seconds),
  Said: (_, { detail }) => detail,
}

/** What stands in the way, in the reader's language; only what a program said itself is shown in its words. */
export const troubleText = <Tag extends Problem["_tag"]>(
  page: PageContext,
  problem: Extract<Problem, { _tag: Tag }>,
): string => {
  const tag: Tag = problem._tag
  return texts[tag](page, problem)
}

type Told = { readonly text: string | null | undefined; readonly problem: Problem | null | undefined }

/** The problem in the reader's language where it is known as one, else the text as it came. */
export const told = (page: PageContext, { problem, text }: Told): string | null =>
  problem === null || problem === undefined ? (text ?? null) : troubleText(page, problem)
