import { context } from "muster/service"

let runs = 0
let runsInVain = 0

/** Keeps the event loop busy for `ms`, as a computation would. */
export const compute = (ms: number) => {
  const until = performance.now() + ms
  runs++
  if (context().remainingMs() <= 0) runsInVain++
  while (performance.now() < until);
  return null
}

/** How often `compute` was run, and how often although its caller's time was over. */
export const counts = () => ({ runs, runsInVain })
