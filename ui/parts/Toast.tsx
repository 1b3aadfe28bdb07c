import type { PropsWithChildren } from "hono/jsx"
import type { PageContext } from "../ViewModels.ts"
import { Icon } from "./Icon.tsx"
import { Partial } from "./Partial.tsx"

export type ToastTone = "ok" | "bad" | "info"
type ToastProps = { page: PageContext; tone: ToastTone; text: string }

/** A short message in the corner; in it at most one button. Goes by itself, a bad one later. */
export const ToastBox = ({ page, tone, text, children }: PropsWithChildren<ToastProps>) => (
  <div class={`toast toast-${tone}`} data-toast={tone}>
    <Icon name={tone} />
    <span class="toast-text">{text}</span>
    {children}
    <button
      type="button"
      class="button button-icon button-ghost button-small"
      data-dismiss=""
      aria-label={page.t.action.dismiss}
    >
      <Icon name="x" />
    </button>
  </div>
)

type UndoProps = { page: PageContext; path: string; values?: Readonly<Record<string, string>> }

/** Takes back what the toast tells of. */
export const UndoButton = ({ page, path, values }: UndoProps) => (
  <button
    type="button"
    class="button button-small"
    data-dismiss=""
    hx-post={path}
    hx-vals={values === undefined ? undefined : JSON.stringify(values)}
  >
    {page.t.action.undo}
  </button>
)

/** The same, as part of an answer. Every answer, an error too, brings its own. */
export const Toast = ({ children, ...props }: PropsWithChildren<ToastProps>) => (
  <Partial target="#toasts" swap="beforeend">
    <ToastBox {...props}>{children}</ToastBox>
  </Partial>
)
