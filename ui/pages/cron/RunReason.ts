import type { CronRunView } from "../../../src/domain/CronView.ts"
import { processProblem } from "../../../src/domain/Problem.ts"
import { readRunReason } from "../../../src/domain/RunReason.ts"
import { troubleText } from "../../parts/Trouble.ts"
import type { PageContext } from "../../ViewModels.ts"

/** Why a run went as it did, in the reader's language; what the program said itself stays in its words. */
export const reasonText = (page: PageContext, { reason, state }: CronRunView): string | null => {
  const { cron } = page.t
  if (reason === null) return state === "lost" ? cron.lostHelp : null
  const known = readRunReason(reason)
  if (known === undefined) return troubleText(page, processProblem(reason))
  switch (known.key) {
    case "notOver":
      return cron.reason.notOver(known.seconds)
    case "notPushed":
      return cron.reason.notPushed(known.service)
    case "manyWait":
      return cron.reason.manyWait(known.count)
    default:
      return cron.reason[known.key]
  }
}
