import type { PropsWithChildren } from "hono/jsx"
import type { PageContext } from "../ViewModels.ts"
import { Icon } from "./Icon.tsx"
import type { IconName } from "./IconName.ts"

type BarProps = PropsWithChildren<{ page: PageContext; path: string }>

/** What can be done with the chosen rows of a list: BulkButtons. It shows itself when one is chosen. */
export const BulkBar = ({ children, page, path }: BarProps) => (
  <form id="bulk" class="bulk" hx-post={path}>
    <span data-selected={page.t.bulk.selected} class="quiet"></span>
    {children}
  </form>
)

type ButtonProps = {
  path: string
  action: string
  icon: IconName
  label: string
  /** What is asked before; none: done at once. */
  confirm?: { readonly title: string; readonly help: string; readonly danger?: boolean } | undefined
}

export const BulkButton = ({ action, confirm, icon, label, path }: ButtonProps) => (
  <button
    type="button"
    class="button button-small"
    hx-post={path}
    hx-vals={JSON.stringify({ action })}
    {...(confirm === undefined
      ? {}
      : {
          "hx-confirm": confirm.title,
          "data-confirm-help": confirm.help,
          "data-confirm-yes": label,
          ...(confirm.danger === true ? { "data-confirm-danger": "" } : {}),
        })}
  >
    <Icon name={icon} />
    {label}
  </button>
)

/** The box of a row that can be chosen. */
export const SelectBox = ({ id, name, page }: { page: PageContext; id: string; name: string }) => (
  <input type="checkbox" class="checkbox" name="ids" value={id} form="bulk" aria-label={page.t.bulk.select(name)} />
)
