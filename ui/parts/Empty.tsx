import type { PropsWithChildren } from "hono/jsx"
import { Icon } from "./Icon.tsx"
import type { IconName } from "./IconName.ts"

type EmptyProps = { icon: IconName; title: string; help: string; whole?: boolean }

/** Nothing to show: what would be here, and the one thing to do. `whole`: the list is empty, not only its filter. */
export const Empty = ({ icon, title, help, whole = false, children }: PropsWithChildren<EmptyProps>) => (
  <div class="empty" data-empty={whole ? "" : undefined}>
    <span class="empty-icon">
      <Icon name={icon} />
    </span>
    <p class="empty-title">{title}</p>
    <p class="empty-help">{help}</p>
    {children}
  </div>
)
