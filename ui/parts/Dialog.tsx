import type { Child, PropsWithChildren } from "hono/jsx"
import type { PageContext } from "../ViewModels.ts"
import { IconButton } from "./IconButton.tsx"

type DialogProps = { page: PageContext; id: string; title: string; wide?: boolean }

/** A modal dialog: opened by assets/dialogs.js when it arrives in #dialogs, taken away when it is closed. */
export const Dialog = ({ page, id, title, wide = false, children }: PropsWithChildren<DialogProps>) => (
  <dialog id={id} class={wide ? "dialog dialog-wide" : "dialog"} data-modal="" aria-labelledby={`${id}-title`}>
    <header class="dialog-head">
      <h2 id={`${id}-title`}>{title}</h2>
      <IconButton icon="x" label={page.t.action.close} with={{ "data-close": "" }} />
    </header>
    {children}
  </dialog>
)

export const DialogBody = ({ children }: { children?: Child }) => <div class="dialog-body">{children}</div>

/** Cancel first, the deed last. Cancel has the focus unless the dialog asks for something. */
export const DialogFoot = ({
  page,
  focus = true,
  children,
}: {
  page: PageContext
  focus?: boolean
  children?: Child
}) => (
  <footer class="dialog-foot">
    <button type="button" class="button" data-close="" autofocus={focus}>
      {page.t.action.cancel}
    </button>
    {children}
  </footer>
)
