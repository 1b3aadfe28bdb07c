import { tokenHours } from "../../forms/TokenFields.ts"
import { Dialog, DialogBody } from "../../parts/Dialog.tsx"
import { Choice, Field } from "../../parts/Field.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { NewTokenView, PageContext } from "../../ViewModels.ts"

/** First what the token is for; its answer, JoinCommand, takes the place of the form. */
export const JoinDialog = ({ page }: { page: PageContext }) => {
  const { join } = page.t
  return (
    <Dialog page={page} id="join-dialog" title={join.title} wide>
      <div id="join-result">
        <form hx-post={paths.tokens} hx-target="#join-result" hx-swap="innerHTML" novalidate>
          <DialogBody>
            <p class="quiet">{join.intro}</p>
            <Choice
              name="kind"
              label={join.kind}
              value="once"
              options={[
                { value: "once", label: join.once, help: join.onceHelp },
                { value: "many", label: join.many, help: join.manyHelp },
              ]}
            />
            <Field id="hours" label={join.expires}>
              <select id="hours" name="hours" class="input input-short">
                {tokenHours.map((hours) => (
                  <option value={String(hours)}>{hours < 48 ? join.hours(hours) : join.days(hours / 24)}</option>
                ))}
              </select>
            </Field>
          </DialogBody>
          <footer class="dialog-foot">
            <button type="button" class="button" data-close="">
              {page.t.action.cancel}
            </button>
            <button class="button button-primary" autofocus>
              {join.make}
            </button>
          </footer>
        </form>
      </div>
    </Dialog>
  )
}

/** The content of `#join-result`: the command to run, once, and what comes of it. */
export const JoinCommand = ({ page, token }: { page: PageContext; token: NewTokenView }) => {
  const { join } = page.t
  return (
    <>
      <DialogBody>
        <p class="label" id="join-run">
          {join.run}
        </p>
        <div class="command">
          <pre tabindex={0} aria-labelledby="join-run">
            <code id="join-command">{token.command}</code>
          </pre>
          <button
            type="button"
            class="button button-small"
            data-copy="#join-command"
            aria-label={join.copyCommand}
            autofocus
          >
            <Icon name="copy" />
            <span>{page.t.action.copy}</span>
          </button>
        </div>
        <p class="quiet">
          {join.listen} {join.shownOnce}
        </p>
        <p class="quiet">
          {join.kind}: {token.kind === "once" ? join.once : join.many} · {join.validUntil}{" "}
          <Time page={page} at={token.expiresAt} />
        </p>
        <p class="label">{join.next}</p>
        <ol class="plain-list quiet">
          <li>{join.nextJoin}</li>
          <li>{join.nextService}</li>
        </ol>
      </DialogBody>
      <footer class="dialog-foot">
        <button type="button" class="button" data-close="">
          {page.t.action.close}
        </button>
      </footer>
    </>
  )
}
