import { endpointsCalledMax } from "../../../../src/domain/CallOutcome.ts"
import type { CallFormModel, CallFormValues, MethodView } from "../../../CallModels.ts"
import { callErrorCount } from "../../../forms/CallFields.ts"
import { described, ErrorSummary, Field, FieldError, TextField } from "../../../parts/Field.tsx"
import { Icon } from "../../../parts/Icon.tsx"
import { paths } from "../../../Paths.ts"
import type { PageContext } from "../../../ViewModels.ts"
import { Parameters } from "./Parameters.tsx"

/** What has the focus when the form comes back. */
type Focus = "none" | "mode" | "arguments" | "call"
type Props = { page: PageContext; model: CallFormModel; focus?: Focus }

/** The card of the console: the form, and under it what was answered. */
export const ConsoleCard = ({ page, model, focus = "none" }: Props) => (
  <section class="card" aria-label={page.t.calls.console.title}>
    <header class="card-head">
      <h2>{page.t.calls.console.title}</h2>
    </header>
    <CallForm page={page} model={model} focus={focus} />
    <div id="call-answer"></div>
  </section>
)

/** `#call-console`; answers 422 with itself, or 200 with itself and `#call-answer`. */
export const CallForm = ({ page, model, focus = "none" }: Props) => {
  const { console } = page.t.calls
  const { endpoints, errors, serviceId, values } = model
  if (endpoints.length === 0)
    return (
      <p id="call-console" class="card-note quiet">
        {console.noEndpoints}
      </p>
    )
  const method = model.methods.find(({ name }) => name === values.shown)
  const wrong = callErrorCount(errors)
  return (
    <form
      id="call-console"
      hx-post={paths.calls(serviceId)}
      hx-target="this"
      hx-swap="outerHTML"
      hx-config={JSON.stringify({ timeout: requestTimeoutMs })}
      novalidate
    >
      <input type="hidden" name="shown" value={values.shown} />
      <input type="hidden" name="mode" value={method === undefined ? "json" : values.mode} />
      <div class="form">
        {wrong > 0 ? <ErrorSummary text={page.t.form.summary(wrong)} /> : <p class="quiet">{console.help}</p>}
        <div class="console-line">
          <Method page={page} model={model} />
          <Endpoint page={page} model={model} />
          <TextField
            id="timeout"
            label={console.timeout}
            value={values.timeout}
            help={console.timeoutHelp}
            error={timeoutError(page, model)}
            short
          />
        </div>
        <Arguments page={page} model={model} method={method} focus={focus} />
      </div>
      <footer class="form-foot">
        <button
          class="button button-primary"
          autofocus={focus === "call" || (focus === "arguments" && asksNothing(model, method))}
        >
          <Icon name="calls" />
          {console.call}
        </button>
      </footer>
    </form>
  )
}

const asksNothing = ({ values }: CallFormModel, method: MethodView | undefined) =>
  values.mode === "fields" && method !== undefined && method.parameters.length === 0

/** A call may take 30 s, and its connection some more. */
const requestTimeoutMs = 45_000

const timeoutError = ({ t }: PageContext, { errors }: CallFormModel) => {
  const { console } = t.calls
  if (errors.timeout === undefined) return undefined
  return errors.timeout === "range" ? console.timeoutRange : console.timeoutUnit
}

const editor = (serviceId: string) => ({
  "hx-post": paths.callEditor(serviceId),
  "hx-target": "#call-console",
  "hx-swap": "outerHTML",
})

const Method = ({ page, model }: { page: PageContext; model: CallFormModel }) => {
  const { console } = page.t.calls
  const error = model.errors.method === undefined ? undefined : console.methodName
  return (
    <Field id="method" label={console.method} help={console.methodHelp} error={error}>
      <input
        id="method"
        name="method"
        class="input input-mono"
        list="call-methods"
        value={model.values.method}
        autocomplete="off"
        spellcheck={false}
        hx-trigger="change"
        {...editor(model.serviceId)}
        {...described("method", error, true)}
      />
      <datalist id="call-methods">
        {model.methods.map(({ description, name }) => (
          <option value={name}>{description}</option>
        ))}
      </datalist>
    </Field>
  )
}

const Endpoint = ({ page, model }: { page: PageContext; model: CallFormModel }) => {
  const { endpoints, values } = model
  return (
    <Field id="endpoint" label={page.t.calls.console.endpoint}>
      <select id="endpoint" name="endpoint" class="input">
        {endpoints.map(({ key, nodeName }) => (
          <option value={key} selected={key === values.endpoint}>
            {nodeName === null ? key : `${key} · ${nodeName}`}
          </option>
        ))}
        {endpoints.length > 1 && (
          <option value="all" selected={values.endpoint === "all"}>
            {endpoints.length > endpointsCalledMax
              ? page.t.calls.console.first(endpointsCalledMax)
              : page.t.calls.console.all(endpoints.length)}
          </option>
        )}
      </select>
    </Field>
  )
}

type ArgumentsProps = { page: PageContext; model: CallFormModel; method: MethodView | undefined; focus: Focus }

const Arguments = ({ page, model, method, focus }: ArgumentsProps) => {
  const { console } = page.t.calls
  const { mode } = model.values
  return (
    <div class="editor">
      <div class="editor-head">
        <span class="label">{console.arguments}</span>
        {method !== undefined && (
          <div class="segments" role="group" aria-label={console.mode}>
            <Mode page={page} model={model} mode="fields" focus={focus} />
            <Mode page={page} model={model} mode="json" focus={focus} />
          </div>
        )}
      </div>
      {method !== undefined && mode === "fields" ? (
        <Parameters page={page} model={model} method={method} focus={focus === "arguments"} />
      ) : (
        <Json page={page} values={model.values} error={model.errors.json} focus={focus === "arguments"} />
      )}
    </div>
  )
}

type ModeProps = { page: PageContext; model: CallFormModel; mode: CallFormValues["mode"]; focus: Focus }

const Mode = ({ page, model, mode, focus }: ModeProps) => {
  const isOn = model.values.mode === mode
  return (
    <button
      type="button"
      class="segment"
      aria-pressed={isOn ? "true" : "false"}
      autofocus={isOn && focus === "mode"}
      hx-vals={JSON.stringify({ to: mode })}
      {...editor(model.serviceId)}
    >
      {page.t.calls.console[mode]}
    </button>
  )
}

type JsonProps = { page: PageContext; values: CallFormValues; error: CallFormModel["errors"]["json"]; focus: boolean }

const Json = ({ page, values, error, focus }: JsonProps) => {
  const { console } = page.t.calls
  const text = error === undefined ? undefined : jsonText(page, error)
  return (
    <div class="field">
      <textarea
        id="json"
        name="json"
        class="input input-mono"
        rows={Math.min(20, Math.max(3, values.json.split("\n").length))}
        spellcheck={false}
        autofocus={focus}
        aria-label={console.arguments}
        {...described("json", text, true)}
      >
        {`\n${values.json}`}
      </textarea>
      <FieldError id="json" text={text} />
      <p class="field-help" id="json-help">
        {console.argumentsHelp}
      </p>
    </div>
  )
}

const jsonText = ({ t }: PageContext, error: NonNullable<CallFormModel["errors"]["json"]>) =>
  error.kind === "list" ? t.calls.console.listError : t.calls.console.jsonError(error.message)
