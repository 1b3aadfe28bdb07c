import type { CallFormModel, MethodView, ParameterView } from "../../../CallModels.ts"
import { choicesOf, parameterKind, type ParameterProblem } from "../../../forms/ParameterField.ts"
import { described, FieldError } from "../../../parts/Field.tsx"
import type { PageContext } from "../../../ViewModels.ts"

type Props = { page: PageContext; model: CallFormModel; method: MethodView; focus: boolean }

/** A field for each parameter of the method, as its schema wants it. */
export const Parameters = ({ page, model, method, focus }: Props) => {
  const { console } = page.t.calls
  const { errors, values } = model
  if (method.parameters.length === 0 && !method.rest) return <p class="quiet">{console.noParameters}</p>
  return (
    <div class="parameters">
      {method.parameters.map((parameter, index) => (
        <Parameter
          page={page}
          parameter={parameter}
          index={index}
          text={values.fields[index] ?? ""}
          problem={errors.fields?.[index]}
          focus={focus && index === 0}
        />
      ))}
      {method.rest && <Rest page={page} model={model} />}
    </div>
  )
}

const problemText = ({ t }: PageContext, problem: ParameterProblem | undefined) => {
  const { console } = t.calls
  switch (problem?.kind) {
    case undefined:
      return undefined
    case "missing":
      return console.missing
    case "number":
      return console.numberError
    case "integer":
      return console.integerError
    case "json":
      return console.jsonError(problem.message)
  }
}

type ParameterProps = {
  page: PageContext
  parameter: ParameterView
  index: number
  text: string
  problem: ParameterProblem | undefined
  focus: boolean
}

const Parameter = ({ page, parameter, index, text, problem, focus }: ParameterProps) => {
  const { console } = page.t.calls
  const id = `argument${index}`
  const error = problemText(page, problem)
  const kind = parameterKind(parameter.schema)
  return (
    <div class="field">
      <label for={id}>
        <code>{parameter.name}</code> {parameter.optional && <span class="field-help">{console.optional}</span>}
      </label>
      <Control page={page} parameter={parameter} id={id} text={text} error={error} focus={focus} />
      <FieldError id={id} text={error} />
      <p class="field-help" id={`${id}-help`}>
        {console.kind[kind]}
      </p>
    </div>
  )
}

type ControlProps = {
  page: PageContext
  parameter: ParameterView
  id: string
  text: string
  error: string | undefined
  focus: boolean
}

const Control = ({ page, parameter, id, text, error, focus }: ControlProps) => {
  const { schema } = parameter
  const kind = parameterKind(schema)
  const common = { id, name: id, autofocus: focus, ...described(id, error, true) }
  if (kind === "boolean" || kind === "choice")
    return (
      <Choices
        page={page}
        choices={kind === "boolean" ? ["true", "false"] : (choicesOf(schema) ?? [])}
        text={text}
        optional={parameter.optional}
        with={common}
      />
    )
  if (kind === "json")
    return (
      <textarea
        class="input input-mono"
        rows={Math.min(16, Math.max(3, text.split("\n").length))}
        spellcheck={false}
        {...common}
      >
        {`\n${text}`}
      </textarea>
    )
  return (
    <input
      class={kind === "any" ? "input input-mono" : "input"}
      value={text}
      autocomplete="off"
      spellcheck={false}
      inputmode={kind === "integer" ? "numeric" : kind === "number" ? "decimal" : undefined}
      {...common}
    />
  )
}

type ChoicesProps = {
  page: PageContext
  choices: ReadonlyArray<string>
  text: string
  optional: boolean
  with: Readonly<Record<string, string | boolean | undefined>>
}

const Choices = ({ page, choices, text, optional, with: attributes }: ChoicesProps) => (
  <select class="input" {...attributes}>
    {optional && <option value="">{page.t.calls.console.leaveOut}</option>}
    {choices.map((choice) => (
      <option value={choice} selected={choice === text}>
        {choice.startsWith('"') ? (JSON.parse(choice) as string) : choice}
      </option>
    ))}
  </select>
)

const Rest = ({ page, model }: { page: PageContext; model: CallFormModel }) => {
  const { console } = page.t.calls
  const { rest } = model.errors
  const error =
    rest === undefined ? undefined : rest.message === null ? console.listError : console.jsonError(rest.message)
  return (
    <div class="field">
      <label for="rest">{console.rest}</label>
      <input
        id="rest"
        name="rest"
        class="input input-mono"
        value={model.values.rest}
        autocomplete="off"
        spellcheck={false}
        {...described("rest", error, true)}
      />
      <FieldError id="rest" text={error} />
      <p class="field-help" id="rest-help">
        {console.restHelp}
      </p>
    </div>
  )
}
