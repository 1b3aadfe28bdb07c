import { Dialog, DialogBody, DialogFoot } from "../../parts/Dialog.tsx"
import { described, Field } from "../../parts/Field.tsx"
import { paths } from "../../Paths.ts"
import type { AddClientsModel, PageContext } from "../../ViewModels.ts"

type Props = { page: PageContext; model: AddClientsModel }

export const AddClientsDialog = ({ page, model }: Props) => (
  <Dialog page={page} id="add-clients" title={page.t.clients.add}>
    <AddClientsForm page={page} model={model} />
  </Dialog>
)

const errorText = (page: PageContext, error: AddClientsModel["error"]) => {
  if (error === null) return undefined
  const texts = page.t.clients.addError
  return error.kind === "empty" ? texts.empty : texts[error.kind](error.ip)
}

/** `#add-clients-form`; answers 422 with itself. Its fields: `ips` (a text), and `ip` for each node that was chosen. */
export const AddClientsForm = ({ page, model }: Props) => {
  const { clients } = page.t
  const error = errorText(page, model.error)
  return (
    <form
      id="add-clients-form"
      hx-post={paths.clients(model.serviceId)}
      hx-target="this"
      {...{ "hx-status:422": "swap:outerHTML" }}
      data-close-on-success=""
      novalidate
    >
      <DialogBody>
        <Field id="ips" label={clients.addresses} help={clients.addHelp} error={error}>
          <textarea
            id="ips"
            name="ips"
            class="input input-mono"
            rows={4}
            spellcheck={false}
            autofocus
            {...described("ips", error, true)}
          >
            {`\n${model.text}`}
          </textarea>
        </Field>
        {model.candidates.length > 0 && <Candidates page={page} model={model} />}
      </DialogBody>
      <DialogFoot page={page} focus={false}>
        <button class="button button-primary">{clients.addSubmit}</button>
      </DialogFoot>
    </form>
  )
}

const Candidates = ({ page, model }: Props) => (
  <fieldset class="field">
    <legend>
      {page.t.clients.candidates} <span class="quiet">{page.t.clients.candidatesHelp}</span>
    </legend>
    <div class="candidates">
      {model.candidates.map(({ ip, name }) => (
        <label class="check">
          <input type="checkbox" class="checkbox" name="ip" value={ip} />
          <span>
            {name} <span class="mono quiet">{ip}</span>
          </span>
        </label>
      ))}
    </div>
  </fieldset>
)
