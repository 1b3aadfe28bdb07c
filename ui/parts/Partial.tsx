import type { PropsWithChildren } from "hono/jsx"

type Swap = "outerMorph" | "outerHTML" | "innerHTML" | "beforeend" | "delete" | "textContent"

/** A piece for another place of the page than the one that asked. Ignored when the page has no such place. */
export const Partial = ({
  target,
  swap = "outerMorph",
  children,
}: PropsWithChildren<{ target: string; swap?: Swap }>) => (
  <hx-partial hx-target={target} hx-swap={swap}>
    {children}
  </hx-partial>
)
