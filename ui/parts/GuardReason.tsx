import type { GuardVerdict } from "../../src/domain/Guard.ts"
import type { PageContext } from "../ViewModels.ts"

/** What the guard found, in the reader's language. */
export const GuardReason = ({ page, verdict }: { page: PageContext; verdict: GuardVerdict }) => {
  const { guard } = page.t
  switch (verdict._tag) {
    case "Pass":
      return null
    case "Empty":
      return <>{guard.empty}</>
    case "LastOnline":
      return <>{guard.lastOnline}</>
    case "Loss":
      return <>{guard.loss(verdict.lost, verdict.of)}</>
  }
}
