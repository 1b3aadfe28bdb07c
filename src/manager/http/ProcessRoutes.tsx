import { Effect } from "effect"
import { checkProcessForm, openProcessForm, readProcessForm } from "../../../ui/forms/ProcessFields.ts"
import { Instances } from "../../../ui/pages/service/process/Instances.tsx"
import { ProcessForm } from "../../../ui/pages/service/process/ProcessForm.tsx"
import { ProcessPage } from "../../../ui/pages/service/process/ProcessPage.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import { ProcessInput } from "../fleet/Inputs.ts"
import { Inspections } from "../fleet/Inspections.ts"
import { Reloads } from "../fleet/Reloads.ts"
import { Services } from "../fleet/Services.ts"
import { page, parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { decoder, formFields } from "./Input.ts"

const processInput = decoder(ProcessInput)

export const processPage = Effect.fn("Process.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const service = yield* services.get(yield* param(ask, "id"))
  const inspection = yield* Inspections.use((inspections) => inspections.view(service.id))
  const form = openProcessForm(service.process)
  return page(<ProcessPage page={ask.page} service={service} form={form} inspection={inspection} />)
})

/** The form as it is stored now, and what runs. */
const processNow = Effect.fn("Process.now")(function* (ask: SignedAsk, id: string) {
  const services = yield* Services
  const service = yield* services.get(id)
  return {
    form: <ProcessForm page={ask.page} serviceId={id} model={openProcessForm(service.process)} />,
    instances: (
      <Partial target="#instances">
        <Instances page={ask.page} service={service} />
      </Partial>
    ),
  }
})

export const setProcess = Effect.fn("Process.set")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  const values = readProcessForm(yield* formFields(ask))
  const { endpointsList, process } = yield* services.get(id)
  const { fields, errors } = checkProcessForm(
    values,
    endpointsList.map(({ ip }) => ip),
  )
  if (fields === undefined) {
    const model = { revision: process?.revision ?? null, values, errors }
    return parts([<ProcessForm page={ask.page} serviceId={id} model={model} />], 422)
  }
  const { revision } = yield* services.setProcess(id, yield* processInput(fields), ask.by)
  const { form, instances } = yield* processNow(ask, id)
  return parts([form, instances, toast(ask.page, "ok", ask.page.t.process.saved(revision))])
})

export const removeProcess = Effect.fn("Process.remove")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  yield* services.removeProcess(id, ask.by)
  const { form, instances } = yield* processNow(ask, id)
  return parts([
    <Partial target="#process-form">{form}</Partial>,
    instances,
    toast(ask.page, "ok", ask.page.t.process.removed),
  ])
})

/** Of one node, or of all: begun at once, and followed on the page. */
export const reloadProcess = Effect.fn("Process.reload")(function* (ask: SignedAsk) {
  const reloads = yield* Reloads
  const id = yield* param(ask, "id")
  const node = (yield* formFields(ask)).get("node") ?? undefined
  const names = yield* reloads.start(id, node, ask.by)
  const { process } = ask.page.t
  const [name = ""] = names
  return parts([
    toast(ask.page, "ok", names.length === 1 ? process.reloading(name) : process.reloadingAll(names.length)),
  ])
})
