import { Icon } from "./Icon.tsx"
import type { IconName } from "./IconName.ts"

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** A button without a word: its label names what it does and to what. */
export const IconButton = ({ icon, label, with: attributes }: { icon: IconName; label: string; with?: Attributes }) => (
  <button type="button" class="button button-icon button-ghost" aria-label={label} title={label} {...attributes}>
    <Icon name={icon} />
  </button>
)
