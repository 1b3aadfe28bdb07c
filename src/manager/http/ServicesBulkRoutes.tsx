import { Effect, Schema } from "effect"
import {
  ServicesBulkCards,
  ServicesBulkToast,
  type ServicesJob as ServicesJobModel,
} from "../../../ui/pages/services/ServicesBulk.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import { told } from "../../../ui/parts/Trouble.ts"
import type { PageContext } from "../../../ui/ViewModels.ts"
import { BulkActions, type ServicesBulkReason, type ServicesJob } from "../fleet/BulkActions.ts"
import { Services } from "../fleet/Services.ts"
import { parts, sentence, toast } from "./Answers.tsx"
import type { SignedAsk } from "./Ask.ts"
import { chosenIds, forMoment, given, named } from "./Bulk.ts"
import { decoder, formFields, jsonBody } from "./Input.ts"
import { slowJson } from "./SlowJson.ts"

/** One action on several services, from the list and over the API. */

const servicesMax = 1_000

const action = Schema.Literals(["start", "stop", "restart", "reload"])

const reasonText = (page: PageContext, reason: ServicesBulkReason): string => {
  const { bulk } = page.t
  if (reason._tag === "AtNodes")
    return reason.nodes
      .map(({ nodeName, problem, reason: text }) => bulk.at(nodeName, told(page, { text, problem }) ?? ""))
      .join(bulk.and)
  return reason._tag === "NotFound" && reason.what === "process" ? bulk.noProcess : sentence(page, reason)
}

/** A job as a page shows it, in the language of its reader. */
const jobModel = (page: PageContext, job: ServicesJob): ServicesJobModel => ({
  ...job,
  items: job.items.map((item) => ({ ...item, reason: item.reason && reasonText(page, item.reason) })),
})

export const servicesJobs = Effect.fnUntraced(function* (page: PageContext) {
  const jobs = yield* BulkActions.use(({ current }) => current)
  return jobs.map((job) => jobModel(page, job))
})

const cards = (page: PageContext, jobs: ReadonlyArray<ServicesJobModel>) => (
  <Partial target="#bulk-job">
    <ServicesBulkCards page={page} jobs={jobs} />
  </Partial>
)

const formInput = decoder(
  Schema.Struct({
    action,
    ids: Schema.Array(Schema.String).check(
      Schema.isMaxLength(servicesMax, { message: `must hold at most ${servicesMax} services` }),
    ),
  }),
)

/** On the services that were chosen in the list. */
export const act = Effect.fn("ServicesBulk.act")(function* (ask: SignedAsk) {
  const fields = yield* formFields(ask)
  const { action, ids } = yield* formInput({ action: fields.get("action"), ids: chosenIds(fields) })
  if (ids.length === 0) return parts([toast(ask.page, "info", ask.page.t.bulk.none)], 422)
  const jobs = yield* BulkActions
  const before = (yield* jobs.current).flatMap(({ items }) => items)
  const list = yield* Services.use((services) => services.list)
  const { job, run } = yield* jobs.begin(named(ids, [...before, ...list]), action, ask.by)
  yield* forMoment(run)
  const told = jobModel(ask.page, yield* job)
  return parts([cards(ask.page, yield* servicesJobs(ask.page)), <ServicesBulkToast page={ask.page} job={told} />])
})

export const close = Effect.fn("ServicesBulk.close")(function* (ask: SignedAsk) {
  yield* BulkActions.use((jobs) => jobs.close)
  return parts([cards(ask.page, yield* servicesJobs(ask.page))])
})

const apiInput = decoder(
  Schema.Struct({
    action,
    services: Schema.Array(Schema.String).check(
      Schema.isMinLength(1, { message: "must hold at least one name of a service" }),
      Schema.isMaxLength(servicesMax, { message: `must hold at most ${servicesMax} names` }),
    ),
    node: Schema.optionalKey(Schema.String),
  }),
)

/** Services by their names or ids, each with what came of it. */
export const actApi = Effect.fn("Api.bulk")(function* (ask: SignedAsk) {
  const { action, node, services } = yield* apiInput(yield* jsonBody(ask))
  const targets = given(services, yield* Services.use(({ list }) => list))
  const work = yield* BulkActions.use((bulk) => bulk.beside(targets, action, { by: ask.by, node }))
  return yield* slowJson(
    Effect.map(work, (outcomes) => ({
      results: outcomes.map(({ name, nodes, reason, state }) => ({
        service: name,
        outcome: state,
        error: reason === null || reason._tag === "AtNodes" ? null : reason.message,
        nodes,
      })),
    })),
  )
})
