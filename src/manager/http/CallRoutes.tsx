import { Effect } from "effect"
import { CallsPage } from "../../../ui/pages/service/calls/CallsPage.tsx"
import { Calls } from "../fleet/Calls.ts"
import { Services } from "../fleet/Services.ts"
import { page } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"

export const callsPage = Effect.fn("Calls.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const calls = yield* Calls
  const service = yield* services.get(yield* param(ask, "id"))
  return page(<CallsPage page={ask.page} service={service} view={yield* calls.view(service.id)} />)
})
