import { Effect } from "effect"
import { checkServiceForm, editEndpoints, openServiceForm, readServiceForm } from "../../../ui/forms/ServiceFields.ts"
import { readServicesQuery } from "../../../ui/Lists.ts"
import { EndpointEditor } from "../../../ui/pages/service-form/EndpointEditor.tsx"
import { ServiceForm } from "../../../ui/pages/service-form/ServiceForm.tsx"
import { ServiceFormPage } from "../../../ui/pages/service-form/ServiceFormPage.tsx"
import { ServicesPage } from "../../../ui/pages/services/ServicesPage.tsx"
import { paths } from "../../../ui/Paths.ts"
import type { ServiceFormModel, ServiceFormValues } from "../../../ui/ViewModels.ts"
import { type Conflict, KernelService } from "../fleet/Errors.ts"
import { ServiceInput, ServiceUpdate } from "../fleet/Inputs.ts"
import { Services } from "../fleet/Services.ts"
import { goTo, page, parts } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { flash } from "./Flash.ts"
import { decoder, formFields } from "./Input.ts"
import { servicesJobs } from "./ServicesBulkRoutes.tsx"

const newService = decoder(ServiceInput)
const changedService = decoder(ServiceUpdate)

export const servicesPage = Effect.fn("Services.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const list = yield* services.list
  const jobs = yield* servicesJobs(ask.page)
  const query = readServicesQuery(new URL(ask.c.req.url).searchParams)
  return page(<ServicesPage page={ask.page} services={list} jobs={jobs} query={query} />)
})

export const newServicePage = (ask: SignedAsk) =>
  Effect.succeed(page(<ServiceFormPage page={ask.page} model={openServiceForm(null)} />))

export const serviceHome = (ask: SignedAsk) =>
  param(ask, "id").pipe(Effect.map((id) => goTo(ask, paths.tab(id, "endpoints"))))

export const editServicePage = Effect.fn("Services.editPage")(function* (ask: SignedAsk) {
  const services = yield* Services
  const service = yield* services.get(yield* param(ask, "id"))
  if (service.kernel) return yield* new KernelService({ action: "edit" })
  return page(<ServiceFormPage page={ask.page} model={openServiceForm(service)} />)
})

/** The list editor's buttons: what was typed comes back in its other form, or with a row more or less. */
export const endpointEditor = Effect.fn("Services.editor")(function* (ask: SignedAsk) {
  const fields = yield* formFields(ask)
  const { values, errors } = editEndpoints(readServiceForm(fields), fields)
  return parts([<EndpointEditor page={ask.page} values={values} errors={errors} />])
})

type Shown = Partial<Omit<ServiceFormModel, "id" | "values">>

const formAgain = (ask: SignedAsk, id: string | null, values: ServiceFormValues) => (shown: Shown, status: number) =>
  parts(
    [<ServiceForm page={ask.page} model={{ id, values, errors: {}, guard: null, stale: null, ...shown }} />],
    status,
  )

/** Of a form only the name can be taken; anything else, as that it was pushed under its name, is told as a toast. */
const nameTaken = (again: ReturnType<typeof formAgain>) => (conflict: Conflict) =>
  conflict.field === "name" && conflict.why !== "pushed"
    ? Effect.succeed(again({ errors: { name: "taken" } }, 422))
    : Effect.fail(conflict)

export const createService = Effect.fn("Services.create")(function* (ask: SignedAsk) {
  const services = yield* Services
  const values = readServiceForm(yield* formFields(ask))
  const again = formAgain(ask, null, values)
  const { fields, errors } = checkServiceForm(values)
  if (fields === undefined) return again({ errors }, 422)
  const { name, description, tls, endpoints } = fields
  return yield* services.create(yield* newService({ name, description, tls, endpoints }), ask.by).pipe(
    Effect.map((made) => {
      flash.leave(ask.c, { tone: "ok", text: ask.page.t.form.created(made.name) })
      return goTo(ask, paths.tab(made.id, "endpoints"))
    }),
    Effect.catchTag("Conflict", nameTaken(again)),
  )
})

export const updateService = Effect.fn("Services.update")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  const values = readServiceForm(yield* formFields(ask))
  const again = formAgain(ask, id, values)
  const { fields, errors } = checkServiceForm(values)
  if (fields === undefined) return again({ errors }, 422)
  const before = yield* services.get(id)
  return yield* services.update(id, yield* changedService(fields), ask.by).pipe(
    Effect.map(({ revision }) => {
      const { form } = ask.page.t
      const text = revision === (before.revision ?? 0) ? form.savedPlain : form.saved(revision)
      flash.leave(ask.c, { tone: "ok", text })
      return goTo(ask, paths.tab(id, "endpoints"))
    }),
    Effect.catchTags({
      Conflict: nameTaken(again),
      GuardRefused: ({ verdict }) => Effect.succeed(again({ guard: verdict }, 409)),
      // Saved once more it replaces the other revision: whoever reads the message has decided so.
      Stale: ({ revision, by }) =>
        Effect.succeed(formAgain(ask, id, { ...values, baseRevision: revision })({ stale: { revision, by } }, 409)),
    }),
  )
})

/** Keeps the form's list for later; nobody gets it, and the other fields stay as they are. */
export const saveDraft = Effect.fn("Services.saveDraft")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  const values = readServiceForm(yield* formFields(ask))
  const { fields, errors } = checkServiceForm(values)
  if (fields === undefined) return formAgain(ask, id, values)({ errors }, 422)
  yield* services.saveDraft(id, (yield* changedService(fields)).endpoints, ask.by)
  flash.leave(ask.c, { tone: "ok", text: ask.page.t.form.draftSaved })
  return goTo(ask, paths.tab(id, "endpoints"))
})

export const deleteService = Effect.fn("Services.delete")(function* (ask: SignedAsk) {
  const services = yield* Services
  const { id, name } = yield* services.get(yield* param(ask, "id"))
  yield* services.remove(id, ask.by)
  flash.leave(ask.c, { tone: "ok", text: ask.page.t.service.deleted(name) })
  return goTo(ask, paths.services)
})
