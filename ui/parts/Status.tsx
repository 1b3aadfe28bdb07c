import type { PropsWithChildren } from "hono/jsx"

/** `off` is what an operator switched off; `bad` is what is broken. Never the same look for both. */
export type Tone = "ok" | "warn" | "bad" | "off" | "info"

/** A state: shape and word and colour, so that no one of them is needed alone. */
export const Status = ({ tone, children }: PropsWithChildren<{ tone: Tone }>) => (
  <span class={`status status-${tone}`}>
    <i class="status-mark" aria-hidden="true"></i>
    <span>{children}</span>
  </span>
)
