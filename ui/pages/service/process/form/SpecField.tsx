import type { Child } from "hono/jsx"
import { fieldOf, limitNames, probeNames } from "../../../../forms/process/SpecFields.ts"
import { defaultText, isDefault } from "../../../../forms/process/SpecText.ts"
import { Choice, described, Field, FieldError } from "../../../../parts/Field.tsx"
import type { SpecFormModel } from "../../../../ProcessModels.ts"
import type { PageContext } from "../../../../ViewModels.ts"
import { foldId } from "./Editor.ts"
import { specProblemText } from "./SpecProblem.ts"

export type FormProps = { page: PageContext; model: SpecFormModel }
type Props = FormProps & { path: string }

/** The id of a field: its path, without the dots that a selector would read. The card of what runs is `#instances`. */
export const fieldId = (path: string) => (path === "instances" ? "instance-count" : path.replaceAll(".", "-"))

const nameOf = (path: string) => path.split(".").at(-1) ?? path

const isProbe = (path: string) => probeNames.some((probe) => path.startsWith(`${probe}.`))

export const labelOf = ({ t: { spec } }: PageContext, path: string): string =>
  spec.label[nameOf(path) as keyof typeof spec.label]

export const errorOf = ({ page, model, path }: Props): string | undefined => {
  const message = model.errors.fields[path]
  return message === undefined ? undefined : specProblemText(page, message)
}

type PlainHelp = Readonly<Record<string, string | undefined>>

const helpOf = ({ page, model, path }: Props): string => {
  const { rlimits, ...plain } = page.t.spec.help
  const name = nameOf(path)
  const help = name === "rlimits" ? rlimits(limitNames.join(", ")) : ((plain as PlainHelp)[name] ?? "")
  const kind = fieldOf(model.values.kind, path)?.kind
  const byDefault = defaultText(model.values.kind, path)
  const shown =
    kind === "flag" || byDefault === "" ? "" : kind === "choice" ? optionText(page, path, byDefault) : byDefault
  return [help, shown === "" ? "" : page.t.spec.default(shown)].filter((part) => part !== "").join(" ")
}

const textOf = ({ model, path }: Props) => model.values.texts[path] ?? ""

/** One field of the spec, by what it holds. */
export const SpecField = (props: Props) => {
  const kind = fieldOf(props.model.values.kind, props.path)?.kind
  switch (kind) {
    case "assignments":
    case "lines":
    case "limits":
    case "dependencies":
      return <LinesField {...props} />
    case "flag":
      return <FlagField {...props} />
    case "choice":
      return <SelectField {...props} />
    default:
      return <LineField {...props} isShort={kind !== "text" && kind !== "codes"} />
  }
}

/** Fields side by side, in the order in which they are given. */
export const SpecGrid = ({ page, model, paths }: FormProps & { paths: ReadonlyArray<string> }) => (
  <div class="settings-grid">
    {paths.map((path) => (
      <SpecField page={page} model={model} path={path} />
    ))}
  </div>
)

const LineField = (props: Props & { isShort: boolean }) => {
  const { page, model, path, isShort } = props
  const id = fieldId(path)
  const error = errorOf(props)
  const kind = fieldOf(model.values.kind, path)?.kind
  const text = textOf(props)
  const help = helpOf(props)
  return (
    <Field id={id} label={labelOf(page, path)} help={help === "" ? undefined : help} error={error}>
      <input
        id={id}
        name={path}
        class={["input", kind === "text" ? "input-mono" : "", isShort ? "input-short" : ""].filter(Boolean).join(" ")}
        value={text === "" ? defaultText(model.values.kind, path) : text}
        autocomplete="off"
        spellcheck={false}
        inputmode={kind === "count" ? "numeric" : "text"}
        {...described(id, error, help !== "")}
      />
    </Field>
  )
}

const LinesField = (props: Props) => {
  const { page, path } = props
  const id = fieldId(path)
  const error = errorOf(props)
  const text = textOf(props)
  return (
    <Field id={id} label={labelOf(page, path)} help={helpOf(props)} error={error}>
      <textarea
        id={id}
        name={path}
        class="input input-mono"
        rows={Math.max(2, text.split("\n").length)}
        spellcheck={false}
        {...described(id, error, true)}
      >
        {`\n${text}`}
      </textarea>
    </Field>
  )
}

const FlagField = (props: Props) => {
  const { page, path } = props
  const id = fieldId(path)
  const error = errorOf(props)
  return (
    <div class="field">
      <label class="check">
        <input type="checkbox" id={id} name={path} checked={textOf(props) !== ""} {...described(id, error, true)} />
        <span>{labelOf(page, path)}</span>
      </label>
      <FieldError id={id} text={error} />
      <p class="field-help" id={`${id}-help`}>
        {helpOf(props)}
      </p>
    </div>
  )
}

/** A choice in words. */
export const optionText = (page: PageContext, path: string, value: string): string => {
  const { spec, tls } = page.t
  if (path === "restart") return spec.restart[value as keyof typeof spec.restart]
  if (path === "desired") return spec.wanted[value as keyof typeof spec.wanted]
  if (path === "tls") return tls[value as "auto" | "on" | "off"]
  if (isProbe(path)) return spec.probeKind[(value === "" ? "none" : value) as keyof typeof spec.probeKind]
  return value === "" ? spec.none : value
}

/** `with`: what the select does besides holding its value. */
export const SelectField = (props: Props & { with?: Readonly<Record<string, string>> }) => {
  const { page, model, path, with: attributes } = props
  const id = fieldId(path)
  const error = errorOf(props)
  const text = textOf(props) || defaultText(model.values.kind, path)
  const help = helpOf(props)
  return (
    <Field id={id} label={labelOf(page, path)} help={help === "" ? undefined : help} error={error}>
      <select id={id} name={path} class="input input-short" {...described(id, error, help !== "")} {...attributes}>
        {(fieldOf(model.values.kind, path)?.choices ?? []).map((value) => (
          <option value={value} selected={value === text}>
            {optionText(page, path, value)}
          </option>
        ))}
      </select>
    </Field>
  )
}

/** The same as words that are all seen at once. */
export const RadioField = (props: Props & { helps?: Readonly<Record<string, string>> }) => {
  const { page, model, path, helps = {} } = props
  return (
    <Choice
      name={path}
      label={labelOf(page, path)}
      value={textOf(props) || defaultText(model.values.kind, path)}
      options={(fieldOf(model.values.kind, path)?.choices ?? []).map((value) => ({
        value,
        label: optionText(page, path, value),
        ...(helps[value] === undefined ? {} : { help: helps[value] }),
      }))}
    />
  )
}

type FoldProps = FormProps & {
  name: SpecGroup
  paths: ReadonlyArray<string>
  help?: string
  children?: Child
}
type SpecGroup = "place" | "life" | "readiness" | "liveness" | "limits" | "logs"

/** What of some fields is not at its default, as the summary of their group says it. */
const changesOf = ({ page, model, paths }: FoldProps): ReadonlyArray<string> =>
  paths
    .filter((path) => !isDefault(model.values.kind, path, model.values.texts[path] ?? ""))
    .map((path) => {
      const text = (model.values.texts[path] ?? "").trim()
      const [first = "", ...more] = text.split("\n")
      const isFlag = fieldOf(model.values.kind, path)?.kind === "flag"
      return isFlag ? labelOf(page, path) : `${labelOf(page, path)} ${first}${more.length > 0 ? "…" : ""}`
    })

/** A group of fields that is closed until somebody needs it, or something in it is wrong. */
export const SpecFold = (props: FoldProps) => {
  const { page, model, name, paths, help, children } = props
  const changes = changesOf(props)
  const isWrong = paths.some((path) => model.errors.fields[path] !== undefined)
  return (
    <details class="fold" id={foldId(name)} open={isWrong || model.open === name}>
      <summary>
        <span class="fold-title">{page.t.spec.groups[name]}</span>
        <span class={changes.length > 0 ? "fold-note" : "fold-note quiet"}>
          {changes.length === 0 ? page.t.spec.allDefault : changes.join(" · ")}
        </span>
      </summary>
      {help !== undefined && <p class="field-help">{help}</p>}
      {children ?? <SpecGrid page={page} model={model} paths={paths} />}
    </details>
  )
}
