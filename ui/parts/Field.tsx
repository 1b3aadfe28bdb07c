import type { Child, PropsWithChildren } from "hono/jsx"
import { Icon } from "./Icon.tsx"

export const FieldError = ({ id, text }: { id: string; text: string | undefined }) =>
  text === undefined ? null : (
    <p class="field-error" id={`${id}-error`}>
      <Icon name="alert" />
      <span>{text}</span>
    </p>
  )

/** The attributes by which a control says that it is wrong, and what explains it. */
export const described = (id: string, error: string | undefined, hasHelp: boolean) => {
  const ids = [error === undefined ? "" : `${id}-error`, hasHelp ? `${id}-help` : ""].filter((part) => part !== "")
  return {
    "aria-invalid": error === undefined ? undefined : ("true" as const),
    "aria-describedby": ids.length === 0 ? undefined : ids.join(" "),
  }
}

type FieldProps = { id: string; label: string; help?: Child; error?: string | undefined }

/** Label above, the control, its error, its help. The control has the id, and `described(id, …)`. */
export const Field = ({ id, label, help, error, children }: PropsWithChildren<FieldProps>) => (
  <div class="field">
    <label for={id}>{label}</label>
    {children}
    <FieldError id={id} text={error} />
    {help !== undefined && (
      <p class="field-help" id={`${id}-help`}>
        {help}
      </p>
    )}
  </div>
)

type TextFieldProps = {
  id: string
  label: string
  value: string
  help?: string
  error?: string | undefined
  mono?: boolean
  short?: boolean
  with?: Readonly<Record<string, string | number | boolean | undefined>>
}

/** A field of one line; its name in the form is its id. */
export const TextField = ({ id, label, value, help, error, mono, short, with: attributes }: TextFieldProps) => (
  <Field id={id} label={label} help={help} error={error}>
    <input
      id={id}
      name={id}
      class={["input", mono ? "input-mono" : "", short ? "input-short" : ""].filter((part) => part !== "").join(" ")}
      value={value}
      autocomplete="off"
      spellcheck={false}
      {...described(id, error, help !== undefined)}
      {...attributes}
    />
  </Field>
)

type Option = { readonly value: string; readonly label: string; readonly help?: string }

type ChoiceProps = { name: string; label: string; help?: string; value: string; options: ReadonlyArray<Option> }

/** One of a few: radio buttons, each with its word and a quiet explanation. */
export const Choice = (props: ChoiceProps) => (
  <fieldset class="field choice">
    <legend>
      {props.label} {props.help !== undefined && <span class="field-help">{props.help}</span>}
    </legend>
    {props.options.map((option) => (
      <label class="choice-option">
        <input type="radio" name={props.name} value={option.value} checked={option.value === props.value} />
        <span>
          {option.label} {option.help !== undefined && <span class="quiet">{option.help}</span>}
        </span>
      </label>
    ))}
  </fieldset>
)

export const Callout = ({ tone, children }: PropsWithChildren<{ tone: "bad" | "warn" | "info" }>) => (
  <div class={`callout callout-${tone}`}>
    <Icon name={tone === "info" ? "info" : "alert"} />
    <div>{children}</div>
  </div>
)

/** What is wrong with a whole form; it takes the focus when the form comes back. */
export const ErrorSummary = ({ text }: { text: string }) => (
  <div class="callout callout-bad" role="alert" tabindex={-1} autofocus data-error-summary="">
    <Icon name="alert" />
    <p>{text}</p>
  </div>
)
