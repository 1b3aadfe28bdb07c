import type { CronFormModel } from "../../CronModels.ts"
import { Choice, described, Field, TextField } from "../../parts/Field.tsx"
import type { PageContext } from "../../ViewModels.ts"

type Props = { page: PageContext; model: CronFormModel }

/** What the task does: only the fields of the chosen kind are seen. */
export const ActionFields = ({ page, model }: Props) => {
  const { form } = page.t.cron
  return (
    <div class="form-part">
      <Choice
        name="kind"
        label={form.what}
        value={model.values.kind}
        options={[
          { value: "shell", label: form.kindShell, help: form.kindShellHelp },
          { value: "command", label: form.kindCommand, help: form.kindCommandHelp },
          { value: "method", label: form.kindMethod, help: form.kindMethodHelp },
        ]}
      />
      <div class="form-part" data-for="shell">
        <Shell page={page} model={model} />
      </div>
      <div class="form-part" data-for="command">
        <TextField
          id="argv"
          label={form.argv}
          value={model.values.argv}
          help={form.argvHelp}
          error={{ empty: form.argvEmpty, quote: form.argvQuote, none: undefined }[model.errors.argv ?? "none"]}
          mono
        />
      </div>
      <div class="form-part" data-for="method">
        <Method page={page} model={model} />
      </div>
    </div>
  )
}

type AreaProps = { id: string; label: string; value: string; help: string; error: string | undefined; rows: number }

/** A field of several lines; its name in the form is its id. */
export const AreaField = ({ id, label, value, help, error, rows }: AreaProps) => (
  <Field id={id} label={label} help={help} error={error}>
    <textarea
      id={id}
      name={id}
      class="input input-mono"
      rows={Math.max(rows, value.split("\n").length)}
      spellcheck={false}
      {...described(id, error, true)}
    >
      {`\n${value}`}
    </textarea>
  </Field>
)

const Shell = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const error = model.errors.shell === undefined ? undefined : form.shellEmpty
  return (
    <AreaField id="shell" label={form.shell} value={model.values.shell} help={form.shellHelp} error={error} rows={2} />
  )
}

const Method = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const { errors, services, values } = model
  return (
    <>
      <div class="form-pair">
        <TextField
          id="service"
          label={form.service}
          value={values.service}
          error={errors.service === undefined ? undefined : form.serviceWrong}
          with={{ list: "service-names" }}
        />
        <TextField
          id="method"
          label={form.method}
          value={values.method}
          help={form.methodHelp}
          error={errors.method === undefined ? undefined : form.methodWrong}
          mono
        />
      </div>
      <datalist id="service-names">
        {services.map((name) => (
          <option value={name}></option>
        ))}
      </datalist>
      <AreaField
        id="args"
        label={form.arguments}
        value={values.args}
        help={form.argumentsHelp}
        error={errors.args === undefined ? undefined : form.argumentsWrong}
        rows={2}
      />
    </>
  )
}
