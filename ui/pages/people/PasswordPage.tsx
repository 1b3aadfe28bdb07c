import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { described, ErrorSummary, Field } from "../../parts/Field.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, PasswordModel } from "../../ViewModels.ts"

export const PasswordPage = ({ page, model }: { page: PageContext; model: PasswordModel }) => (
  <Shell page={page} title={page.t.password.title}>
    <PageHead title={page.t.password.title} />
    <PasswordForm page={page} model={model} />
  </Shell>
)

type FieldName = "current" | "next" | "again"

const fieldOf = (error: PasswordModel["error"]): FieldName | undefined => {
  if (error === null) return undefined
  if (error === "wrong") return "current"
  return error === "mismatch" ? "again" : "next"
}

/** `#password-form`; answers 422 with itself, or 200 with itself, empty, and a toast. */
export const PasswordForm = ({ page, model }: { page: PageContext; model: PasswordModel }) => {
  const { password } = page.t
  const wrong = fieldOf(model.error)
  const text = model.error === null ? undefined : password[model.error]
  const field = (name: FieldName, autocomplete: string, help?: string) => {
    const error = wrong === name ? text : undefined
    return (
      <Field id={name} label={password[name]} help={help} error={error}>
        <input
          id={name}
          name={name}
          type="password"
          class="input"
          autocomplete={autocomplete}
          {...described(name, error, help !== undefined)}
        />
      </Field>
    )
  }
  return (
    <form id="password-form" class="card" hx-put={paths.password} hx-target="this" hx-swap="outerHTML" novalidate>
      <div class="form">
        {model.error !== null && <ErrorSummary text={page.t.form.summary(1)} />}
        {field("current", "current-password")}
        {field("next", "new-password", password.nextHelp)}
        {field("again", "new-password")}
      </div>
      <footer class="form-foot">
        <button class="button button-primary">{password.submit}</button>
      </footer>
    </form>
  )
}
