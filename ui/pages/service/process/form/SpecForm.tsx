import { runSettingNames } from "../../../../../src/domain/RunSetting.ts"
import { flatOf } from "../../../../forms/process/SpecConflict.ts"
import { specErrorCount } from "../../../../forms/process/SpecForm.ts"
import { described, ErrorSummary, FieldError } from "../../../../parts/Field.tsx"
import { paths } from "../../../../Paths.ts"
import type { SpecFormModel } from "../../../../ProcessModels.ts"
import type { PageContext } from "../../../../ViewModels.ts"
import { RpcSettings } from "../RpcSettings.tsx"
import { CommandField } from "./CommandField.tsx"
import { editorButton } from "./Editor.ts"
import { Nodes } from "./Nodes.tsx"
import { SpecConflict } from "./SpecConflict.tsx"
import { ProbeFold } from "./Probes.tsx"
import { type FormProps, RadioField, SpecField, SpecFold } from "./SpecField.tsx"
import { specProblemText } from "./SpecProblem.ts"

type Props = FormProps & { serviceId: string }

/** `#process-form`: a process spec as fields or as JSON; answers 422 with itself, or 200 with itself and a toast. */
export const SpecForm = ({ page, serviceId, model }: Props) => {
  const { process, form, push, spec } = page.t
  const { base, conflict, opened, values, errors, revision } = model
  const wrong = specErrorCount(errors)
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
      <input type="hidden" name="kind" value={values.kind} />
      <input type="hidden" name="mode" value={values.mode} />
      <input type="hidden" name="base" value={String(base)} />
      <input type="hidden" name="desiredWas" value={values.desiredWas} />
      <input type="hidden" name="opened" value={JSON.stringify(opened ?? flatOf(values))} />
      {conflict !== undefined && <input type="hidden" name="conflict" value={JSON.stringify(conflict)} />}
      <header class="card-head">
        <h2 id="process-title">{process.title}</h2>
        {revision !== null && <code class="tag">{push.revision(revision)}</code>}
        <div class="card-actions">
          <Modes page={page} serviceId={serviceId} model={model} />
        </div>
      </header>
      <div class="form">
        <Stale page={page} model={model} />
        <SpecConflict page={page} serviceId={serviceId} model={model} />
        {wrong > 0 ? (
          <ErrorSummary text={form.summary(wrong)} />
        ) : (
          <p class="quiet">{revision === null ? spec.newHelp : process.help}</p>
        )}
        {values.mode === "json" ? (
          <JsonText page={page} model={model} />
        ) : (
          <Fields page={page} serviceId={serviceId} model={model} />
        )}
      </div>
      <Foot page={page} serviceId={serviceId} model={model} />
    </form>
  )
}

const Stale = ({ page, model: { conflict, stale } }: FormProps) => {
  if (stale === undefined) return null
  const { by, revision } = stale
  if (conflict === undefined) return <ErrorSummary text={page.t.stale(revision, by)} />
  const texts = page.t.conflict
  return <ErrorSummary text={conflict.rows.length === 0 ? texts.apart(revision, by) : texts.summary(revision, by)} />
}

const Modes = ({ page, serviceId, model }: Props) => (
  <div class="segments" role="group" aria-label={page.t.spec.mode}>
    {(["form", "json"] as const).map((mode) => (
      <button
        type="button"
        class="segment"
        id={`spec-${mode}`}
        aria-pressed={mode === model.values.mode ? "true" : "false"}
        {...editorButton(serviceId, { to: mode })}
      >
        {page.t.spec[mode]}
      </button>
    ))}
  </div>
)

const rowsMin = 10
const rowsMax = 36

const JsonText = ({ page, model }: FormProps) => {
  const { spec } = page.t
  const error = jsonErrors(page, model)
  const { json } = model.values
  return (
    <div class="field">
      <textarea
        id="json"
        name="json"
        class="input input-mono input-wide"
        rows={Math.min(rowsMax, Math.max(rowsMin, json.split("\n").length + 1))}
        spellcheck={false}
        aria-label={spec.jsonLabel}
        {...described("json", error, true)}
      >
        {/* The parser drops one newline after the tag: a leading one of the text must survive. */}
        {`\n${json}`}
      </textarea>
      <FieldError id="json" text={error} />
      <p class="field-help" id="json-help">
        {spec.jsonHelp}
      </p>
      <input type="hidden" name="desired" value={model.values.texts["desired"] ?? "running"} />
    </div>
  )
}

/** All that is wrong, with the path of each. */
const jsonErrors = (page: PageContext, { errors: { fields } }: SpecFormModel): string | undefined => {
  const lines = Object.entries(fields).map(([path, message]) =>
    path === "json" ? page.t.spec.jsonSyntax(message) : `${path}: ${specProblemText(page, message)}`,
  )
  return lines.length === 0 ? undefined : lines.join("\n")
}

const Fields = (props: Props) => {
  const { page, serviceId, model } = props
  const run = (names: ReadonlyArray<string>) =>
    names
      .filter((name) => runSettingNames.some((one) => one === name) || name === "logGzip")
      .map((name) => `run.${name}`)
  const isCommand = model.values.kind === "command"
  const limits = [
    ...(isCommand ? ["maxRssBytes", "rlimits"] : []),
    ...run(["startRetries", "fatalRetryMs", "memoryMaxBytes", "cpuMaxPercent", "pidsMax"]),
  ]
  const logs = run(["logMaxBytes", "logMaxAgeMs", "logKeep", "logTotalBytes", "logGzip"])
  return (
    <>
      <Kinds page={page} serviceId={serviceId} model={model} />
      {isCommand ? <CommandBasics page={page} model={model} /> : <ModuleBasics page={page} model={model} />}
      <RadioField page={page} model={model} path="desired" helps={{ stopped: page.t.process.desiredHelp }} />
      {!isCommand && <RadioField page={page} model={model} path="tls" helps={{ auto: page.t.tls.autoHelp }} />}
      <div class="settings-groups">
        <SpecFold page={page} model={model} name="place" paths={isCommand ? commandPlace : ["env", "envFile"]} />
        <SpecFold page={page} model={model} name="life" paths={isCommand ? commandLife : moduleLife} />
        <ProbeFold page={page} serviceId={serviceId} model={model} probe="readiness" />
        <ProbeFold page={page} serviceId={serviceId} model={model} probe="liveness" />
        <SpecFold page={page} model={model} name="limits" paths={limits} />
        <SpecFold page={page} model={model} name="logs" paths={logs} />
      </div>
      {!isCommand && <RpcSettings page={page} model={model} />}
    </>
  )
}

const commandPlace = ["user", "group", "cwd", "umask", "nice", "env", "envFile"]
const moduleLife = ["drainTimeoutMs", "startOrder", "dependsOn", "restart", "successCodes"]
const commandLife = [
  "stopSignal",
  "drainTimeoutMs",
  "startMs",
  "startTimeoutMs",
  "reloadSignal",
  "passSocket",
  "startOrder",
  "dependsOn",
  "restart",
  "successCodes",
]

const Kinds = ({ page, serviceId, model }: Props) => {
  const { spec } = page.t
  return (
    <div class="field">
      <span class="label" id="kind-label">
        {spec.kindLabel}
      </span>
      <div>
        <div class="segments" role="group" aria-labelledby="kind-label">
          {(["module", "command"] as const).map((kind) => (
            <button
              type="button"
              class="segment"
              id={`kind-${kind}`}
              aria-pressed={kind === model.values.kind ? "true" : "false"}
              {...editorButton(serviceId, { as: kind })}
            >
              {spec[kind]}
            </button>
          ))}
        </div>
      </div>
      <p class="field-help">{model.values.kind === "module" ? spec.moduleHelp : spec.commandHelp}</p>
    </div>
  )
}

const ModuleBasics = ({ page, model }: FormProps) => (
  <>
    <SpecField page={page} model={model} path="module" />
    <SpecField page={page} model={model} path="workers" />
  </>
)

const CommandBasics = ({ page, model }: FormProps) => (
  <>
    <CommandField page={page} model={model} path="command" />
    <SpecField page={page} model={model} path="instances" />
    <Nodes page={page} model={model} />
  </>
)

const Foot = ({ page, serviceId, model }: Props) => {
  const { process, spec } = page.t
  return (
    <footer class="form-foot">
      <button class="button button-primary">{spec.save}</button>
      <button
        type="button"
        class="button"
        hx-put={paths.process(serviceId)}
        hx-vals={JSON.stringify({ push: "no" })}
        hx-target="closest form"
        hx-swap="outerHTML"
        title={spec.saveOnlyHelp}
      >
        {spec.saveOnly}
      </button>
      {model.revision !== null && (
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
  )
}
