import { Effect, Fiber, Option } from "effect"
import { workersMax } from "../../domain/ProcessSpec.ts"
import { wholeNumber } from "../../../ui/forms/Fields.ts"
import { leastOf, ScaleDialog, ScaleForm } from "../../../ui/pages/service/process/ScaleDialog.tsx"
import type { ToastTone } from "../../../ui/parts/Toast.tsx"
import { told } from "../../../ui/parts/Trouble.ts"
import type { PageContext } from "../../../ui/ViewModels.ts"
import { type Action, Actions, type One, type Outcome } from "../fleet/Actions.ts"
import { NotFound } from "../fleet/Errors.ts"
import { Services } from "../fleet/Services.ts"
import { parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { formFields } from "./Input.ts"

/** What a person does with processes on the pages: begun at once, told when it is over soon, and followed on the page. */

/** An answer that comes within this time says what came of it; else it says that it has begun. */
const soonMs = 1_500

const states = ["done", "failed", "pending", "kept"] as const

/** What came of it, in one line for all nodes. */
const summary = (page: PageContext, kind: Action["kind"], outcomes: ReadonlyArray<Outcome>) => {
  const { deed } = page.t
  if (outcomes.length === 0) return { tone: "info" as ToastTone, text: deed.nowhere }
  const count = (state: Outcome["outcome"]) => outcomes.filter(({ outcome }) => outcome === state).length
  const failed = count("failed")
  const title =
    failed > 0 ? deed.failed[kind] : count("done") === outcomes.length ? deed.done[kind] : deed.running[kind]
  const facts = states.flatMap((state) => (count(state) === 0 ? [] : [deed.result[state](count(state))]))
  const first = outcomes.find(({ outcome }) => outcome === "failed")
  const reason = first === undefined ? null : told(page, { text: first.reason, problem: first.problem })
  const why = reason === null || reason === "" ? "" : ` (${reason})`
  const tone: ToastTone = failed > 0 ? "bad" : count("done") === outcomes.length ? "ok" : "info"
  return { tone, text: `${title}: ${facts.join(", ")}${why}` }
}

const carryOut = Effect.fnUntraced(function* (ask: SignedAsk, action: Action, node: string | undefined) {
  const actions = yield* Actions
  const { nodes, outcomes } = yield* actions.run(yield* param(ask, "id"), action, node, ask.by)
  const fiber = yield* Effect.forkDetach(outcomes)
  const soon = yield* Effect.timeoutOption(Fiber.join(fiber), soonMs)
  if (Option.isSome(soon)) {
    const { text, tone } = summary(ask.page, action.kind, soon.value)
    return parts([toast(ask.page, tone, text)])
  }
  return parts([toast(ask.page, "info", ask.page.t.deed.begun[action.kind](nodes.length))])
})

/** A text of the form; nothing when it is not there. */
const given = (fields: URLSearchParams, name: string) => {
  const value = fields.get(name)
  return value === null || value === "" ? undefined : value
}

export const start = Effect.fn("Deeds.start")(function* (ask: SignedAsk) {
  return yield* carryOut(ask, { kind: "start" }, given(yield* formFields(ask), "node"))
})

export const stop = Effect.fn("Deeds.stop")(function* (ask: SignedAsk) {
  return yield* carryOut(ask, { kind: "stop" }, given(yield* formFields(ask), "node"))
})

/** Of one node, or of all. */
export const reload = Effect.fn("Deeds.reload")(function* (ask: SignedAsk) {
  return yield* carryOut(ask, { kind: "reload" }, given(yield* formFields(ask), "node"))
})

export const restart = Effect.fn("Deeds.restart")(function* (ask: SignedAsk) {
  const fields = yield* formFields(ask)
  const slot = wholeNumber(given(fields, "slot") ?? "", 0, workersMax)
  const kind = fields.get("kind") === "tasks" ? "tasks" : "calls"
  const instance: One | undefined = slot === undefined ? undefined : { slot, kind }
  return yield* carryOut(ask, { kind: "restart", instance }, given(fields, "node"))
})

export const push = Effect.fn("Deeds.push")(function* (ask: SignedAsk) {
  const fields = yield* formFields(ask)
  const revision = wholeNumber(given(fields, "revision") ?? "", 1, 999_999_999)
  return yield* carryOut(ask, { kind: "push", revision }, given(fields, "node"))
})

const withProcess = Effect.fnUntraced(function* (ask: SignedAsk) {
  const service = yield* (yield* Services).get(yield* param(ask, "id"))
  const { process } = service
  return process === null ? yield* new NotFound({ what: "process", id: service.name }) : { service, process }
})

export const scaleDialog = Effect.fn("Deeds.scaleDialog")(function* (ask: SignedAsk) {
  return parts([<ScaleDialog page={ask.page} {...yield* withProcess(ask)} />])
})

export const scale = Effect.fn("Deeds.scale")(function* (ask: SignedAsk) {
  const found = yield* withProcess(ask)
  const typed = (yield* formFields(ask)).get("count") ?? ""
  const count = wholeNumber(typed, leastOf(found.process), workersMax)
  if (count === undefined) return parts([<ScaleForm page={ask.page} {...found} count={typed} isWrong />], 422)
  return yield* carryOut(ask, { kind: "scale", count }, undefined)
})
