import { Plain } from "../../layout/Plain.tsx"
import { ErrorSummary, Field } from "../../parts/Field.tsx"
import { paths } from "../../Paths.ts"
import type { LoginModel, PageContext } from "../../ViewModels.ts"

export const LoginPage = ({ page, model }: { page: PageContext; model: LoginModel }) => (
  <Plain page={page} title={page.t.login.title}>
    <LoginForm page={page} model={model} />
  </Plain>
)

const errorText = (page: PageContext, error: LoginModel["error"]) => {
  if (error === null) return undefined
  return error.kind === "wrong" ? page.t.login.wrong : page.t.login.limited(Math.ceil(error.retryAfterMs / 1000))
}

/** `#login-form`; answers 422 with itself (429 when limited), or sends on with HX-Redirect. */
export const LoginForm = ({ page, model }: { page: PageContext; model: LoginModel }) => {
  const { login } = page.t
  const error = errorText(page, model.error)
  return (
    <form id="login-form" class="card plain-card" hx-post={paths.login} hx-target="this" hx-swap="outerHTML" novalidate>
      <div class="form">
        <div>
          <h1>{login.title}</h1>
          <p class="page-subtitle">{login.intro}</p>
        </div>
        {error !== undefined && <ErrorSummary text={error} />}
        <input type="hidden" name="next" value={model.next} />
        <Field id="name" label={login.name}>
          <input
            id="name"
            name="name"
            class="input"
            value={model.name}
            autocomplete="username"
            autocapitalize="none"
            autofocus={error === undefined}
            required
          />
        </Field>
        <Field id="password" label={login.password}>
          <input id="password" name="password" type="password" class="input" autocomplete="current-password" required />
        </Field>
        <button class="button button-primary button-block">{login.submit}</button>
        <p class="field-help">{login.firstRun}</p>
      </div>
    </form>
  )
}
