import type { PageContext } from "../ViewModels.ts"
import { formatAbsolute, formatClock, formatRelative } from "./Format.ts"

/** A moment by date and clock: the browser says it in the reader's own zone. `clock`: the clock alone, for many in a row. */
export const LocalTime = ({ page, at, clock = false }: { page: PageContext; at: number; clock?: boolean }) => (
  <time datetime={new Date(at).toISOString()} data-local={clock ? "clock" : ""}>
    {clock ? formatClock(at) : formatAbsolute(page.lang, at)}
  </time>
)

/** A moment, told from now on and kept fresh by the browser; the whole date is its title. */
export const Time = ({ page, at }: { page: PageContext; at: number }) => (
  <time datetime={new Date(at).toISOString()} title={formatAbsolute(page.lang, at)} data-relative="">
    {formatRelative(page.lang, at, page.now)}
  </time>
)
