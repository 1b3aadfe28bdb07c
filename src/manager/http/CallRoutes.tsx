import { Effect } from "effect"
import { curlCommand, musterCommand } from "../../../ui/forms/CallCommands.ts"
import { checkCallForm, editCall, openCallForm, readCallForm } from "../../../ui/forms/CallFields.ts"
import type { CallFormModel } from "../../../ui/CallModels.ts"
import { CallAnswer } from "../../../ui/pages/service/calls/Answer.tsx"
import { CallsPage } from "../../../ui/pages/service/calls/CallsPage.tsx"
import { CallForm } from "../../../ui/pages/service/calls/Console.tsx"
import { Partial } from "../../../ui/parts/Partial.tsx"
import { endpointKey } from "../../domain/Endpoint.ts"
import type { MethodInfo } from "../../protocol/Reflection.ts"
import { CallConsole } from "../fleet/CallConsole.ts"
import { Calls } from "../fleet/Calls.ts"
import { Services } from "../fleet/Services.ts"
import type { ServiceDetail } from "../fleet/Views.ts"
import { page, parts } from "./Answers.tsx"
import { param, type SignedAsk } from "./Ask.ts"
import { formFields } from "./Input.ts"

const modelOf = (
  service: ServiceDetail,
  methods: ReadonlyArray<MethodInfo>,
  shown: Pick<CallFormModel, "values" | "errors">,
): CallFormModel => ({
  serviceId: service.id,
  serviceName: service.name,
  methods,
  endpoints: service.endpointsList.map((endpoint) => ({ key: endpointKey(endpoint), nodeName: endpoint.nodeName })),
  ...shown,
})

export const callsPage = Effect.fn("Calls.page")(function* (ask: SignedAsk) {
  const services = yield* Services
  const calls = yield* Calls
  const service = yield* services.get(yield* param(ask, "id"))
  const view = yield* calls.view(service.id)
  if (service.kernel) return page(<CallsPage page={ask.page} service={service} view={view} console={undefined} />)
  const methods = yield* CallConsole.use((console) => console.methods(service.id))
  const keys = service.endpointsList.map(endpointKey)
  const wanted = ask.c.req.query("call")
  const model = modelOf(service, methods, { values: openCallForm(methods, keys, wanted), errors: {} })
  const chosen = wanted !== undefined
  return page(<CallsPage page={ask.page} service={service} view={view} console={model} chosen={chosen} />)
})

const posted = Effect.fnUntraced(function* (ask: SignedAsk) {
  const services = yield* Services
  const console = yield* CallConsole
  const service = yield* services.get(yield* param(ask, "id"))
  const methods = yield* console.methods(service.id)
  const fields = yield* formFields(ask)
  return { console, service, methods, fields, values: readCallForm(fields) }
})

/** The arguments in another shape, or those of another method. */
export const callEditor = Effect.fn("Calls.editor")(function* (ask: SignedAsk) {
  const { fields, methods, service, values } = yield* posted(ask)
  const model = modelOf(service, methods, editCall(values, methods, fields))
  const focus = values.method === values.shown ? "mode" : "arguments"
  return parts([<CallForm page={ask.page} model={model} focus={focus} />])
})

export const makeCall = Effect.fn("Calls.make")(function* (ask: SignedAsk) {
  const { console, fields, methods, service, values } = yield* posted(ask)
  // Sent before the form of this method was there: what is in the fields was meant for another one.
  if (values.mode === "fields" && values.method !== values.shown) {
    const model = modelOf(service, methods, editCall(values, methods, fields))
    return parts([<CallForm page={ask.page} model={model} focus="arguments" />], 422)
  }
  const { errors, fields: wanted } = checkCallForm(values, methods)
  if (wanted === undefined)
    return parts([<CallForm page={ask.page} model={modelOf(service, methods, { values, errors })} />], 422)
  const outcomes = yield* console.call(service.id, wanted, ask.by)
  const { args, endpoint, method, timeoutMs } = wanted
  const command = {
    service: service.name,
    method,
    args,
    timeoutMs,
    ip: service.endpointsList.find((one) => endpointKey(one) === endpoint)?.ip,
    stream: methods.some(({ kind, name }) => name === method && kind === "stream"),
  }
  const answer = { method, outcomes, curl: curlCommand(command), muster: musterCommand(command) }
  return parts([
    <CallForm page={ask.page} model={modelOf(service, methods, { values, errors: {} })} focus="call" />,
    <Partial target="#call-answer" swap="outerHTML">
      <CallAnswer page={ask.page} answer={answer} />
    </Partial>,
  ])
})
