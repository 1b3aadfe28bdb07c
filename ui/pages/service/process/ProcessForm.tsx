import { Choice, described, ErrorSummary, Field, TextField } from "../../../parts/Field.tsx"
import { processErrorCount } from "../../../forms/ProcessFields.ts"
import { paths } from "../../../Paths.ts"
import type { PageContext, ProcessFormModel } from "../../../ViewModels.ts"
import { RpcSettings } from "./RpcSettings.tsx"

type Props = { page: PageContext; serviceId: string; model: ProcessFormModel }

/** `#process-form`; answers 422 with itself, or 200 with itself and a toast. */
export const ProcessForm = ({ page, serviceId, model }: Props) => {
  const { process, form } = page.t
  const { values, errors, revision } = model
  const wrong = processErrorCount(errors)
  return (
    <form
      id="process-form"
      class="card"
      hx-put={paths.process(serviceId)}
      hx-target="this"
      hx-swap="outerHTML"
      aria-labelledby="process-title"
      novalidate
    >
      <header class="card-head">
        <h2 id="process-title">{process.title}</h2>
        {revision !== null && <code class="tag">{page.t.push.revision(revision)}</code>}
      </header>
      <div class="form">
        {wrong > 0 ? (
          <ErrorSummary text={form.summary(wrong)} />
        ) : (
          <p class="quiet">{revision === null ? process.noSpecHelp : process.help}</p>
        )}
        <TextField
          id="module"
          label={process.module}
          value={values.module}
          help={process.moduleHelp}
          error={errors.module === undefined ? undefined : process.modulePath}
          mono
        />
        <TextField
          id="workers"
          label={process.workers}
          value={values.workers}
          help={process.workersHelp}
          error={errors.workers === undefined ? undefined : process.workersRange}
          short
          with={{ inputmode: "numeric" }}
        />
        <Choice
          name="desired"
          label={process.desired}
          value={values.desired}
          options={[
            { value: "running", label: process.running },
            { value: "stopped", label: process.stopped, help: process.desiredHelp },
          ]}
        />
        <Choice
          name="tls"
          label={process.tls}
          value={values.tls}
          options={[
            { value: "auto", label: page.t.tls.auto, help: page.t.tls.autoHelp },
            { value: "on", label: page.t.tls.on },
            { value: "off", label: page.t.tls.off },
          ]}
        />
        <TextField
          id="drainSeconds"
          label={process.drain}
          value={values.drainSeconds}
          help={process.drainHelp}
          error={errors.drainSeconds === undefined ? undefined : process.drainRange}
          short
          with={{ inputmode: "decimal" }}
        />
        <Environment page={page} model={model} />
        <RpcSettings page={page} model={model} />
      </div>
      <footer class="form-foot">
        <button class="button button-primary">{process.save}</button>
        {revision !== null && (
          <button
            type="button"
            class="button push-right"
            hx-delete={paths.process(serviceId)}
            hx-confirm={process.removeTitle}
            data-confirm-help={process.removeHelp}
            data-confirm-yes={process.remove}
            data-confirm-danger=""
          >
            {process.remove}
          </button>
        )}
      </footer>
    </form>
  )
}

const Environment = ({ page, model }: { page: PageContext; model: ProcessFormModel }) => {
  const { process } = page.t
  const { env } = model.errors
  const error = env === undefined ? undefined : process.environmentLine(env.line)
  return (
    <Field id="env" label={process.environment} help={process.environmentHelp} error={error}>
      <textarea
        id="env"
        name="env"
        class="input input-mono"
        rows={Math.max(3, model.values.env.split("\n").length)}
        spellcheck={false}
        {...described("env", error, true)}
      >
        {`\n${model.values.env}`}
      </textarea>
    </Field>
  )
}
