import { Effect } from "effect"
import { readLogsQuery } from "../../../ui/Lists.ts"
import { LogsPage } from "../../../ui/pages/service/logs/LogsPage.tsx"
import { Services } from "../fleet/Services.ts"
import { page } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"

/** The frame only: the lines themselves are read by the page, from the API. */
export const logsPage = Effect.fn("Logs.page")(function* (ask: SignedAsk) {
  const service = yield* Services.use((services) => Effect.flatMap(param(ask, "id"), (id) => services.get(id)))
  return page(<LogsPage page={ask.page} service={service} query={readLogsQuery(new URL(ask.c.req.url).searchParams)} />)
})
