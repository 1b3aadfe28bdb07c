import { errorCount } from "../../forms/ServiceFields.ts"
import { Callout, Choice, ErrorSummary, TextField } from "../../parts/Field.tsx"
import { GuardReason } from "../../parts/GuardReason.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, ServiceFormModel } from "../../ViewModels.ts"
import { EndpointEditor } from "./EndpointEditor.tsx"

type Props = { page: PageContext; model: ServiceFormModel }

/** `#service-form`; answers 422 (409 for guard and stale) with itself, or sends on with HX-Redirect. */
export const ServiceForm = ({ page, model }: Props) => {
  const { form } = page.t
  const { id, values, errors } = model
  const send = id === null ? { "hx-post": paths.services } : { "hx-put": paths.service(id) }
  return (
    <form id="service-form" class="card" {...send} hx-target="this" hx-swap="outerHTML" novalidate>
      <input type="hidden" name="baseRevision" value={String(values.baseRevision)} />
      <div class="form">
        <Summary page={page} model={model} />
        <Override page={page} model={model} />
        <TextField
          id="name"
          label={form.name}
          value={values.name}
          help={form.nameHelp}
          error={{ syntax: form.nameSyntax, taken: form.nameTaken, none: undefined }[errors.name ?? "none"]}
        />
        <TextField
          id="description"
          label={form.description}
          value={values.description}
          help={form.descriptionHelp}
          error={errors.description === undefined ? undefined : form.descriptionLength}
        />
        <TlsChoice page={page} value={values.tls} />
        <EndpointEditor page={page} values={values} errors={errors} />
      </div>
      <footer class="form-foot">
        <button class="button button-primary">{id === null ? form.create : form.save}</button>
        {id !== null && (
          <button type="button" class="button" hx-put={paths.draft(id)} hx-target="closest form" hx-swap="outerHTML">
            {form.saveDraft}
          </button>
        )}
        <a class="button" href={id === null ? paths.services : paths.service(id)}>
          {page.t.action.cancel}
        </a>
        {id !== null && <span class="quiet">{form.saveHelp}</span>}
      </footer>
    </form>
  )
}

const Summary = ({ page, model }: Props) => {
  const count = errorCount(model.errors)
  if (count > 0) return <ErrorSummary text={page.t.form.summary(count)} />
  if (model.stale !== null) return <ErrorSummary text={page.t.stale(model.stale.revision, model.stale.by)} />
  return model.guard === null ? null : <ErrorSummary text={page.t.guard.refused} />
}

export const TlsChoice = ({ page, value }: { page: PageContext; value: string }) => (
  <Choice
    name="tls"
    label={page.t.form.tls}
    help={page.t.form.tlsHelp}
    value={value}
    options={[
      { value: "auto", label: page.t.tls.auto, help: page.t.tls.autoHelp },
      { value: "on", label: page.t.tls.on },
      { value: "off", label: page.t.tls.off },
    ]}
  />
)

/** Only after the guard has refused: its reason, and the box by which a person takes it on their name. */
const Override = ({ page, model }: Props) => {
  if (model.guard === null) return null
  const { guard } = page.t
  return (
    <Callout tone="warn">
      <p>
        <b>{guard.title}</b>
      </p>
      <p>
        <GuardReason page={page} verdict={model.guard} />
      </p>
      <label class="check">
        <input type="checkbox" class="checkbox" name="override" value="1" aria-describedby="override-help" />
        <span>{guard.override}</span>
      </label>
      <p class="quiet" id="override-help">
        {guard.overrideHelp}
      </p>
    </Callout>
  )
}
