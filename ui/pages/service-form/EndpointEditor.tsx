import { demoJson } from "../../forms/EndpointFields.ts"
import { described, FieldError } from "../../parts/Field.tsx"
import { Icon } from "../../parts/Icon.tsx"
import type { JsonProblem, PageContext, ServiceFormErrors, ServiceFormValues } from "../../ViewModels.ts"
import { editorButton } from "./EditorButton.ts"
import { EndpointRows } from "./EndpointRows.tsx"

type Props = { page: PageContext; values: ServiceFormValues; errors: ServiceFormErrors }

/** `#endpoint-editor`: the list as rows or as JSON; it is a part of the service form. */
export const EndpointEditor = ({ page, values, errors }: Props) => (
  <div id="endpoint-editor" class="editor">
    <input type="hidden" name="mode" value={values.mode} />
    <div class="editor-head">
      <span class="label" id="endpoints-label">
        {page.t.form.endpoints}
      </span>
      <div class="segments" role="group" aria-label={page.t.form.mode}>
        <ModeButton label={page.t.form.rows} mode="rows" current={values.mode} />
        <ModeButton label={page.t.form.json} mode="json" current={values.mode} />
      </div>
      {values.mode === "json" && <JsonButtons page={page} json={values.json} />}
    </div>
    <FieldError id="list" text={errors.list === undefined ? undefined : page.t.form.tooMany} />
    {values.mode === "json" ? (
      <JsonText page={page} json={values.json} error={errors.json} />
    ) : (
      <EndpointRows page={page} rows={values.rows} added={values.added} errors={errors.rows ?? {}} />
    )}
  </div>
)

const ModeButton = ({ label, mode, current }: { label: string; mode: "rows" | "json"; current: "rows" | "json" }) => (
  <button
    type="button"
    class="segment"
    id={`mode-${mode}`}
    aria-pressed={mode === current ? "true" : "false"}
    {...editorButton({ to: mode })}
  >
    {label}
  </button>
)

const JsonButtons = ({ page, json }: { page: PageContext; json: string }) => {
  const { form } = page.t
  const isEmpty = json.trim() === "" || json.trim() === "[]"
  const confirm = isEmpty ? {} : { "hx-confirm": form.demoTitle, "data-confirm-help": form.demoHelp }
  return (
    <>
      <button type="button" class="button button-small" id="format-json" {...editorButton({ format: "1" })}>
        <Icon name="format" />
        {form.format}
      </button>
      <button type="button" class="button button-small" id="demo-json" {...editorButton({ demo: "1" })} {...confirm}>
        {form.demo}
      </button>
    </>
  )
}

const rowsMin = 8
const rowsMax = 28

const JsonText = (props: { page: PageContext; json: string; error: ServiceFormErrors["json"] }) => {
  const { form } = props.page.t
  const error = jsonErrorText(props.page, props.error)
  const lines = props.json.split("\n").length + 1
  return (
    <>
      <textarea
        id="json"
        name="json"
        class="input input-mono input-wide"
        rows={Math.min(rowsMax, Math.max(rowsMin, lines))}
        spellcheck={false}
        aria-label={`${form.endpoints}, ${form.json}`}
        {...described("json", error, false)}
      >
        {/* The parser drops one newline after the tag: a leading one of the text must survive. */}
        {`\n${props.json}`}
      </textarea>
      <FieldError id="json" text={error} />
      <details class="help">
        <summary>{form.jsonHelp}</summary>
        <p class="quiet">{form.jsonHelpText}</p>
        <pre>{demoJson}</pre>
      </details>
    </>
  )
}

const problemsShownMax = 5

const jsonErrorText = (page: PageContext, error: ServiceFormErrors["json"]): string | undefined => {
  if (error === undefined) return undefined
  const { form } = page.t
  if (error.kind === "syntax") return form.jsonSyntax(error.message)
  if (error.kind === "shape") return form.jsonShape
  const shown = error.problems.slice(0, problemsShownMax).map((problem) => problemText(page, problem))
  const more = error.problems.length - shown.length
  return [...shown, ...(more > 0 ? [form.jsonMore(more)] : [])].join("\n")
}

const problemText = (page: PageContext, { index, field, kind }: JsonProblem) => {
  const { form } = page.t
  const meaning = {
    missing: form.jsonMissing,
    type: form.jsonType,
    unknown: form.jsonUnknown,
    status: form.jsonStatus,
    address: form.address,
    port: form.portRange,
    weight: form.weightRange,
    twice: form.twice,
  }[kind]
  return form.jsonItem(index + 1, field, meaning)
}
