import { flatCron } from "../../forms/CronConflict.ts"
import { cronErrorCount } from "../../forms/CronFields.ts"
import type { CronFormModel } from "../../CronModels.ts"
import { Choice, described, ErrorSummary, Field, TextField } from "../../parts/Field.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { ActionFields } from "./ActionFields.tsx"
import { CronConflict } from "./CronConflict.tsx"
import { CronPreview } from "./CronPreview.tsx"
import { MoreFields } from "./MoreFields.tsx"

type Props = { page: PageContext; model: CronFormModel }

/** `#cron-form`; answers 422 (409 when somebody else changed it) with itself, or sends on with HX-Redirect. */
export const CronForm = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const { errors, id, values } = model
  const send = id === null ? { "hx-post": paths.cron } : { "hx-put": paths.cronTask(id) }
  return (
    <form id="cron-form" class="card" {...send} hx-target="this" hx-swap="outerHTML" novalidate>
      <input type="hidden" name="baseRevision" value={String(model.baseRevision)} />
      {id !== null && <input type="hidden" name="opened" value={JSON.stringify(model.opened ?? flatCron(values))} />}
      {model.conflict !== undefined && <input type="hidden" name="conflict" value={JSON.stringify(model.conflict)} />}
      <div class="form">
        <Summary page={page} model={model} />
        <CronConflict page={page} model={model} />
        <TextField
          id="name"
          label={form.name}
          value={values.name}
          help={form.nameHelp}
          error={{ syntax: form.nameSyntax, taken: form.nameTaken, none: undefined }[errors.name ?? "none"]}
        />
        <NodeField page={page} model={model} />
        <ActionFields page={page} model={model} />
        <When page={page} model={model} />
        <label class="check">
          <input type="checkbox" class="checkbox" name="enabled" checked={values.enabled} />
          <span>
            {form.enabled} <span class="quiet">{form.enabledHelp}</span>
          </span>
        </label>
        <MoreFields page={page} model={model} />
      </div>
      <footer class="form-foot">
        <button class="button button-primary">{id === null ? form.create : form.save}</button>
        <a class="button" href={id === null ? paths.cron : paths.cronTask(id)}>
          {page.t.action.cancel}
        </a>
      </footer>
    </form>
  )
}

const Summary = ({ page, model }: Props) => {
  const count = cronErrorCount(model.errors)
  if (count > 0) return <ErrorSummary text={page.t.form.summary(count)} />
  const { conflict, stale } = model
  if (stale === null) return null
  if (conflict === undefined) return <ErrorSummary text={page.t.cron.form.stale(stale.by)} />
  const { apart, summary } = page.t.conflict
  const { by, revision, rows } = conflict
  return <ErrorSummary text={rows.length === 0 ? apart(revision, by) : summary(revision, by)} />
}

const NodeField = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const { nodes, values } = model
  const error = model.errors.node === undefined ? undefined : form.nodeWrong
  const isKnown = values.node === "" || nodes.some(({ ip }) => ip === values.node)
  return (
    <Field id="node" label={form.node} help={form.nodeHelp} error={error}>
      <select id="node" name="node" class="input" {...described("node", error, true)}>
        <option value="" selected={values.node === ""}>
          {form.nodeNone}
        </option>
        {!isKnown && (
          <option value={values.node} selected>
            {form.nodeGone(values.node)}
          </option>
        )}
        {nodes.map(({ ip, name }) => (
          <option value={ip} selected={ip === values.node}>{`${name} (${ip})`}</option>
        ))}
      </select>
    </Field>
  )
}

/** The interval or the expression, with what comes of it beside. */
const When = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const { errors, values } = model
  const wrong = errors.expression === undefined ? undefined : form.expressionWrong(errors.expression)
  return (
    <div class="cron-when" id="cron-when">
      <div class="form-part">
        <Choice
          name="when"
          label={form.when}
          value={values.when}
          options={[
            { value: "expression", label: form.expression },
            { value: "interval", label: form.interval },
          ]}
        />
        <div class="form-part" data-for="interval">
          <TextField
            id="every"
            label={form.every}
            value={values.every}
            help={form.everyHelp}
            error={errors.every === undefined ? undefined : form.everyWrong}
            short
          />
        </div>
        <div class="form-part" data-for="expression">
          <TextField
            id="expression"
            label={form.cron}
            value={values.expression}
            help={form.cronHelp}
            error={wrong}
            mono
            with={{ placeholder: "30 3 * * *" }}
          />
          <TextField
            id="timeZone"
            label={form.timeZone}
            value={values.timeZone}
            help={form.timeZoneHelp}
            error={errors.timeZone === undefined ? undefined : form.timeZoneWrong}
            with={{ list: "time-zones", "data-own-zone": "" }}
          />
        </div>
      </div>
      <CronPreview page={page} preview={model.preview} />
    </div>
  )
}
