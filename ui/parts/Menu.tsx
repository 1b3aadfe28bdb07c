import type { PropsWithChildren } from "hono/jsx"
import { Icon } from "./Icon.tsx"
import type { IconName } from "./IconName.ts"

type MenuProps = { id: string; label: string; icon?: IconName }

/** A native popover: in the top layer, closed by Esc and by a click elsewhere. Its place is set by assets/menus.js. */
export const Menu = ({ id, label, icon = "more", children }: PropsWithChildren<MenuProps>) => (
  <span>
    <button type="button" class="button button-icon button-ghost" popovertarget={id} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
    <div class="menu" id={id} popover="auto">
      {children}
    </div>
  </span>
)
