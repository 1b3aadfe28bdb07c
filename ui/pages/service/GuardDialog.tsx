import type { GuardVerdict } from "../../../src/domain/Guard.ts"
import { Dialog, DialogBody, DialogFoot } from "../../parts/Dialog.tsx"
import { GuardReason } from "../../parts/GuardReason.tsx"
import type { PageContext } from "../../ViewModels.ts"

type Props = {
  page: PageContext
  verdict: GuardVerdict
  /** The request that was refused: sent again as it was, with `override=1`. */
  method: "put" | "post"
  path: string
  values: Readonly<Record<string, string>>
}

/** The guard refused an action on a page: says why, and lets a person take it on their name. */
export const GuardDialog = ({ page, verdict, method, path, values }: Props) => (
  <Dialog page={page} id="guard-dialog" title={page.t.guard.title}>
    <form
      {...{ [`hx-${method}`]: path }}
      hx-vals={JSON.stringify({ ...values, override: "1" })}
      data-close-on-success=""
    >
      <DialogBody>
        <p>
          <GuardReason page={page} verdict={verdict} />
        </p>
        <p class="quiet">{page.t.guard.overrideHelp}</p>
      </DialogBody>
      <DialogFoot page={page}>
        <button class="button button-danger">{page.t.guard.anyway}</button>
      </DialogFoot>
    </form>
  </Dialog>
)
