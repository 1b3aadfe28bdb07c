import { Effect } from "effect"
import { DialogAnswer, EndpointSwitched } from "../../../ui/Answers.tsx"
import { DraftBanner } from "../../../ui/pages/service/DraftBanner.tsx"
import { EndpointsPage } from "../../../ui/pages/service/EndpointsPage.tsx"
import { GuardDialog } from "../../../ui/pages/service/GuardDialog.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import { paths } from "../../../ui/Paths.ts"
import type { GuardRefused } from "../fleet/Errors.ts"
import { EndpointStatusInput } from "../fleet/Inputs.ts"
import { Services } from "../fleet/Services.ts"
import { page, parts, toast } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { decoder, formFields } from "./Input.ts"

const statusInput = decoder(EndpointStatusInput)

export const endpointsPage = Effect.fn("Endpoints.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const service = yield* services.get(yield* param(ask, "id"))
  return page(<EndpointsPage page={ask.page} service={service} />)
})

type Refused = { readonly method: "put" | "post"; readonly path: string; readonly values: Record<string, string> }

/** The guard asks back: the same request again, with a person's word. */
const askBack = (ask: SignedAsk, request: Refused) => (refused: GuardRefused) =>
  Effect.succeed(
    parts(
      [
        <DialogAnswer>
          <GuardDialog page={ask.page} verdict={refused.verdict} {...request} />
        </DialogAnswer>,
      ],
      409,
    ),
  )

/** At once and for all clients; the row follows by the page's stream, which shows what came of it. */
export const setEndpointStatus = Effect.fn("Endpoints.setStatus")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  const fields = yield* formFields(ask)
  const [ip = "", port = "", status = ""] = ["ip", "port", "status"].map((name) => fields.get(name) ?? "")
  const override = (fields.get("override") ?? "") !== ""
  const input = yield* statusInput({ ip, port: Number(port), status, override })
  const path = paths.endpointStatus(id)
  return yield* services.setEndpointStatus(id, input, ask.by).pipe(
    Effect.map(({ revision }) =>
      parts([
        <EndpointSwitched page={ask.page} serviceId={id} endpoint={input} status={input.status} revision={revision} />,
      ]),
    ),
    Effect.catchTag("GuardRefused", askBack(ask, { method: "put", path, values: { ip, port, status } })),
  )
})

const draftAnswer = Effect.fn("Endpoints.draftAnswer")(function* (ask: SignedAsk, id: string, text: string) {
  const services = yield* Services
  const service = yield* services.get(id)
  return parts([
    <Partial target="#draft">
      <DraftBanner page={ask.page} service={service} />
    </Partial>,
    toast(ask.page, "ok", text),
  ])
})

export const releaseDraft = Effect.fn("Endpoints.releaseDraft")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  const fields = yield* formFields(ask)
  return yield* services.release(id, (fields.get("override") ?? "") !== "", ask.by).pipe(
    Effect.flatMap(({ revision }) => draftAnswer(ask, id, ask.page.t.draft.released(revision))),
    Effect.catchTag("GuardRefused", askBack(ask, { method: "post", path: paths.draft(id), values: {} })),
  )
})

export const discardDraft = Effect.fn("Endpoints.discardDraft")(function* (ask: SignedAsk) {
  const services = yield* Services
  const id = yield* param(ask, "id")
  yield* services.discardDraft(id, ask.by)
  return yield* draftAnswer(ask, id, ask.page.t.draft.discarded)
})
