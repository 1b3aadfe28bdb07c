import { formOf } from "../../../../forms/process/SpecText.ts"
import { described, Field } from "../../../../parts/Field.tsx"
import { errorOf, fieldId, type FormProps, labelOf } from "./SpecField.tsx"

/** A shell line, or a program with its arguments. */
export const CommandField = ({ page, model, path }: FormProps & { path: string }) => {
  const { spec } = page.t
  const id = fieldId(path)
  const error = errorOf({ page, model, path })
  const text = model.values.texts[path] ?? ""
  const form = model.values.texts[formOf(path)] ?? "shell"
  return (
    <Field id={id} label={labelOf(page, path)} help={spec.help.command} error={error}>
      <div class="choice-line" role="radiogroup" aria-label={labelOf(page, path)}>
        {(["shell", "argv"] as const).map((value) => (
          <label class="choice-option">
            <input type="radio" name={formOf(path)} value={value} checked={value === form} />
            <span>{spec.commandForm[value]}</span>
          </label>
        ))}
      </div>
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
