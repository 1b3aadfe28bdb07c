import type { GuardVerdict } from "../../src/domain/Guard.ts"
import type { PageContext } from "../ViewModels.ts"
import { guardText } from "./Trouble.ts"

/** What the guard found, in the reader's language. */
export const GuardReason = ({ page, verdict }: { page: PageContext; verdict: GuardVerdict }) => (
  <>{guardText(page, verdict)}</>
)
