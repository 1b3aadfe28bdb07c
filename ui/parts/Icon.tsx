import { assetUrl } from "../AssetUrl.ts"
import type { IconName } from "./IconName.ts"

/** Decoration only: the word stands beside it, or in the label of its button. */
export const Icon = ({ name, tone }: { name: IconName; tone?: "ok" | "bad" | "quiet" | undefined }) => (
  <svg class={tone ? `icon icon-${tone}` : "icon"} aria-hidden="true" focusable="false">
    <use href={`${assetUrl("icons.svg")}#${name}`} />
  </svg>
)
