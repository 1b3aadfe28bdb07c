import { Effect } from "effect"
import { legacyOverTls, legacyOverTlsProblem } from "../../domain/LegacyPort.ts"
import type { NamelessSpec } from "../../domain/ProcessSpec.ts"
import { readOpened } from "../../../ui/forms/Conflict.ts"
import { wholeNumber } from "../../../ui/forms/Fields.ts"
import {
  candidatesOf,
  hasErrors,
  ofKind,
  openSpecForm,
  placed,
  readSpecForm,
  specDraft,
  toForm,
  toJson,
} from "../../../ui/forms/process/SpecForm.ts"
import { SpecForm } from "../../../ui/pages/service/process/form/SpecForm.tsx"
import { Instances } from "../../../ui/pages/service/process/Instances.tsx"
import { ProcessPage } from "../../../ui/pages/service/process/ProcessPage.tsx"
import { Rollout } from "../../../ui/pages/service/process/Rollout.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import type { SpecFormErrors, SpecFormModel, SpecFormValues } from "../../../ui/ProcessModels.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Inspections } from "../fleet/Inspections.ts"
import { Services } from "../fleet/Services.ts"
import { page, parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { formFields } from "./Input.ts"
import { carriedOf, chosenOf, settledOf } from "./SpecConflicts.ts"
import { readSpec } from "./SpecInput.ts"

const serviceOf = Effect.fnUntraced(function* (ask: SignedAsk) {
  return yield* (yield* Services).get(yield* param(ask, "id"))
})
const allNodes = Fleet.use((fleet) => fleet.nodes)

export const processPage = Effect.fn("Process.page")(function* (ask: SignedAsk) {
  const service = yield* serviceOf(ask)
  const inspection = yield* Inspections.use((inspections) => inspections.view(service.id))
  const form = openSpecForm(service.process, yield* allNodes)
  return page(<ProcessPage page={ask.page} service={service} form={form} inspection={inspection} />)
})

/** The form as it is stored now, and what runs. */
const processNow = Effect.fn("Process.now")(function* (ask: SignedAsk, id: string) {
  const services = yield* Services
  const service = yield* services.get(id)
  return {
    form: <SpecForm page={ask.page} serviceId={id} model={openSpecForm(service.process, yield* allNodes)} />,
    cards: (
      <>
        <Partial target="#rollout">
          <Rollout page={ask.page} service={service} />
        </Partial>
        <Partial target="#instances">
          <Instances page={ask.page} service={service} />
        </Partial>
      </>
    ),
  }
})

type Read = { readonly spec: NamelessSpec | undefined; readonly errors: SpecFormErrors }

const faultless: SpecFormErrors = { fields: {} }

/** The spec that a form means, or all that is wrong with it. `ips`: addresses of the service's endpoints. */
const specOf = Effect.fnUntraced(function* (values: SpecFormValues, ips: ReadonlyArray<string>) {
  const { draft, errors } = specDraft(values)
  const read: Read = yield* readSpec(draft).pipe(
    Effect.map((spec): Read => ({ spec, errors: faultless })),
    Effect.catch(({ fields }) => Effect.succeed<Read>({ spec: undefined, errors: placed(values, fields) })),
  )
  const found: SpecFormErrors = { ...errors, fields: { ...read.errors.fields, ...errors.fields } }
  if (read.spec === undefined || hasErrors(found)) return { spec: undefined, errors: found } satisfies Read
  const overTls = read.spec.kind === "module" && legacyOverTls(read.spec, ips)
  return overTls ? { spec: undefined, errors: { fields: { "rpc.legacy": legacyOverTlsProblem } } } : read
})

export const setProcess = Effect.fn("Process.set")(function* (ask: SignedAsk) {
  const services = yield* Services
  const service = yield* serviceOf(ask)
  const { endpointsList, id, process } = service
  const fields = yield* formFields(ask)
  const values = readSpecForm(fields)
  const base = baseOf(fields)
  const again = Effect.fnUntraced(function* (
    rest: Pick<SpecFormModel, "base" | "errors"> & Partial<SpecFormModel>,
    status: number,
  ) {
    const revision = process?.revision ?? null
    const model = { revision, values, candidates: candidatesOf(yield* allNodes), ...rest }
    return parts([<SpecForm page={ask.page} serviceId={id} model={model} />], status)
  })
  const { errors, spec } = yield* specOf(
    values,
    endpointsList.map(({ ip }) => ip),
  )
  if (spec === undefined) return yield* again({ base: base ?? 0, errors, ...(yield* carriedOf(fields, values)) }, 422)
  const pushed = fields.get("push") !== "no"
  const desired = spec.desired === values.desiredWas && process !== null ? process.spec.desired : spec.desired
  return yield* services.setProcess(id, { ...spec, desired }, ask.by, { base, pushed }).pipe(
    Effect.flatMap(
      Effect.fnUntraced(function* ({ revision }) {
        const { cards, form } = yield* processNow(ask, id)
        const text = ask.page.t.spec
        return parts([form, cards, toast(ask.page, "ok", pushed ? text.saved(revision) : text.savedOnly(revision))])
      }),
    ),
    // Saved once more it replaces the other one: whoever reads the message has decided so.
    Effect.catchTag(
      "Stale",
      Effect.fnUntraced(function* ({ by, revision }) {
        const now = (yield* services.get(id)).process
        const stale = { base: revision, errors: faultless, stale: { by, revision } }
        if (now === null) return yield* again({ ...stale, opened: {} }, 409)
        const settled = yield* settledOf({ values, spec, opened: readOpened(fields) }, now, by)
        return yield* again({ ...stale, base: now.revision, revision: now.revision, ...settled }, 409)
      }),
    ),
  )
})

const baseOf = (fields: URLSearchParams) => wholeNumber(fields.get("base") ?? "", 0, 999_999_999)

/** The form's own buttons: another kind, the other form, a group that has to show other fields. */
export const specEditor = Effect.fn("Process.editor")(function* (ask: SignedAsk) {
  const { id, process } = yield* serviceOf(ask)
  const fields = yield* formFields(ask)
  const values = readSpecForm(fields)
  const candidates = candidatesOf(yield* allNodes)
  const open = String(fields.get("open") ?? "")
  const show = Effect.fnUntraced(function* (values: SpecFormValues, errors: SpecFormErrors = faultless) {
    const model = { revision: process?.revision ?? null, base: baseOf(fields) ?? 0, values, errors, candidates, open }
    const carried = yield* carriedOf(fields, values)
    return parts([<SpecForm page={ask.page} serviceId={id} model={{ ...model, ...carried }} />])
  })
  const chosen = yield* chosenOf(fields, values)
  if (chosen !== undefined) return yield* show(chosen)
  const kind = fields.get("as")
  if (kind === "module" || kind === "command") return yield* show(ofKind(values, kind))
  const to = fields.get("to")
  if (to === "json" && values.mode === "form") return yield* show(toJson(values))
  if (to !== "form" || values.mode === "form") return yield* show(values)
  const { draft, errors } = specDraft(values)
  if (hasErrors(errors)) return yield* show(values, errors)
  return yield* readSpec(draft).pipe(
    Effect.flatMap((spec) => show(toForm(spec, { desired: spec.desired, desiredWas: values.desiredWas }))),
    Effect.catch(({ fields }) => show(values, placed(values, fields))),
  )
})

export const removeProcess = Effect.fn("Process.remove")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  yield* services.removeProcess(id, ask.by)
  const { cards, form } = yield* processNow(ask, id)
  return parts([
    <Partial target="#process-form">{form}</Partial>,
    cards,
    toast(ask.page, "ok", ask.page.t.process.removed),
  ])
})
