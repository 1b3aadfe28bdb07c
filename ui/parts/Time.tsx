import type { PageContext } from "../ViewModels.ts"
import { formatAbsolute, formatRelative } from "./Format.ts"

/** A moment, told from now on and kept fresh by the browser; the whole date is its title. */
export const Time = ({ page, at }: { page: PageContext; at: number }) => (
  <time datetime={new Date(at).toISOString()} title={formatAbsolute(page.lang, at)} data-relative="">
    {formatRelative(page.lang, at, page.now)}
  </time>
)
