import { Effect } from "effect"
import { CrashPage } from "../../../ui/pages/service/crashes/CrashPage.tsx"
import { Inspections } from "../fleet/Inspections.ts"
import { Services } from "../fleet/Services.ts"
import { page } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"

export const crashPage = Effect.fn("Crash.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const inspections = yield* Inspections
  const service = yield* services.get(yield* param(ask, "id"))
  const crash = yield* inspections.crash(service.id, yield* param(ask, "crash"))
  return page(<CrashPage page={ask.page} service={service} crash={crash} />)
})
