import { Effect } from "effect"
import { PushCard } from "../../../ui/pages/service/PushCard.tsx"
import { PushDialog } from "../../../ui/pages/service/PushDialog.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import { Pushes } from "../fleet/Pushes.ts"
import { Services } from "../fleet/Services.ts"
import { parts } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { formFields } from "./Input.ts"
import { pushPreview } from "./PushPreview.ts"

/** The clients that were chosen: the field repeated, or with commas. None means all. */
const chosenClients = (fields: URLSearchParams): ReadonlyArray<string> =>
  fields
    .getAll("ids")
    .flatMap((text) => text.split(","))
    .filter((id) => id !== "")

const pushCard = Effect.fn("Push.card")(function* (ask: SignedAsk, id: string) {
  const services = yield* Services
  const pushes = yield* Pushes
  const service = yield* services.get(id)
  const job = yield* pushes.current(id)
  return parts([
    <Partial target="#push">
      <PushCard page={ask.page} service={service} job={job} />
    </Partial>,
  ])
})

export const pushDialog = Effect.fn("Push.dialog")(function* (ask: SignedAsk) {
  const services = yield* Services
  const service = yield* services.get(yield* param(ask, "id"))
  const preview = yield* pushPreview(service, chosenClients(new URL(ask.c.req.url).searchParams))
  return parts([<PushDialog page={ask.page} preview={preview} />])
})

/** Starts the job and answers at once; all viewers follow it on their streams. */
export const startPush = Effect.fn("Push.start")(function* (ask: SignedAsk) {
  const pushes = yield* Pushes
  const id = yield* param(ask, "id")
  const chosen = chosenClients(yield* formFields(ask))
  yield* pushes.start(id, chosen.length === 0 ? "all" : chosen, ask.by)
  return yield* pushCard(ask, id)
})

export const cancelPush = Effect.fn("Push.cancel")(function* (ask: SignedAsk) {
  const pushes = yield* Pushes
  const id = yield* param(ask, "id")
  yield* pushes.cancel(id)
  return yield* pushCard(ask, id)
})

export const closePush = Effect.fn("Push.close")(function* (ask: SignedAsk) {
  const pushes = yield* Pushes
  const id = yield* param(ask, "id")
  yield* pushes.close(id)
  return yield* pushCard(ask, id)
})
