import { Effect, Schema } from "effect"
import { workersMax } from "../../domain/ProcessSpec.ts"
import { legacyOverTls, legacyOverTlsProblem } from "../../domain/LegacyPort.ts"
import { type Action, Actions, type One } from "../fleet/Actions.ts"
import { overall } from "../fleet/BulkActions.ts"
import { Services } from "../fleet/Services.ts"
import type { ServiceDetail } from "../fleet/Views.ts"
import { detailOf, serviceOf } from "./ApiRoutes.ts"
import { json } from "./Answers.tsx"
import { query, type SignedAsk } from "./Ask.ts"
import { InvalidInput } from "./Failure.ts"
import { decoder, jsonBody } from "./Input.ts"
import { slowJson } from "./SlowJson.ts"
import { readSpec } from "./SpecInput.ts"

/** The API of processes: how they are run, what they do, and what is done with them. */

const saving = decoder(
  Schema.Struct({
    push: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true))),
    revision: Schema.optionalKey(Schema.Int),
  }),
)

/**
 * Saves a spec. `push: false` keeps it for a push of its own; else every node of the service gets it. `revision`: the one
 * that the edit began from, 0: there was none; left out: whatever there is.
 */
export const setProcess = Effect.fn("Api.setProcess")(function* (ask: SignedAsk) {
  const { services, service } = yield* detailOf(ask)
  const { push, revision: from, ...body } = Object(yield* jsonBody(ask)) as Record<string, unknown>
  const { push: pushed, revision: base } = yield* saving({
    ...(push === undefined ? {} : { push }),
    ...(from === undefined ? {} : { revision: from }),
  })
  // What is left out is not what is asked for: who saves a spec does not start what was stopped.
  const desired = body["desired"] ?? service.process?.spec.desired ?? "running"
  const input = yield* readSpec({ ...body, desired })
  const ips = service.endpointsList.map(({ ip }) => ip)
  if (input.kind === "module" && legacyOverTls(input, ips))
    return yield* new InvalidInput({ fields: { "rpc.legacy": legacyOverTlsProblem } })
  const { revision } = yield* services.setProcess(service.id, input, ask.by, { base, pushed })
  return json({ revision, pushed })
})

export const getProcess = Effect.fn("Api.getProcess")(function* (ask: SignedAsk) {
  const { service } = yield* detailOf(ask)
  return json(service.process)
})

export const removeProcess = Effect.fn("Api.removeProcess")(function* (ask: SignedAsk) {
  const { services, service } = yield* detailOf(ask)
  yield* services.removeProcess(service.id, ask.by)
  return json({ removed: service.process !== null })
})

const statusOf = ({ health, id, name, process }: ServiceDetail) => ({
  id,
  name,
  health,
  process:
    process === null
      ? null
      : {
          kind: process.spec.kind,
          revision: process.revision,
          pushed: process.pushed,
          desired: process.spec.desired,
          instances: process.instances,
          notJoined: process.notJoined,
        },
})

/** What runs of each service that has a process, node by node; with `?service=` of one. */
export const status = Effect.fn("Api.status")(function* (ask: SignedAsk) {
  const services = yield* Services
  const wanted = query(ask, "service")
  if (wanted !== "") return json({ services: [statusOf(yield* services.byName(wanted))] })
  const running = (yield* services.list).filter(({ processes }) => processes !== null)
  const details = yield* Effect.forEach(running, ({ id }) => Effect.option(services.get(id)))
  return json({ services: details.flatMap((found) => (found._tag === "Some" ? [statusOf(found.value)] : [])) })
})

const Node = { node: Schema.optionalKey(Schema.String) }
const nodeInput = decoder(Schema.Struct(Node))
const slot = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: workersMax }, { message: `must be a whole number from 0 to ${workersMax}` }),
)
const restartInput = decoder(
  Schema.Struct({
    ...Node,
    slot: Schema.optionalKey(slot),
    kind: Schema.Literals(["calls", "tasks"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("calls" as const))),
  }),
)

const carryOut = Effect.fnUntraced(function* (ask: SignedAsk, action: Action, node: string | undefined) {
  const { service } = yield* serviceOf(ask)
  const actions = yield* Actions
  const { outcomes } = yield* actions.run(service.id, action, node, ask.by)
  return yield* slowJson(
    Effect.map(outcomes, (nodes) => ({ service: service.name, outcome: overall(nodes), error: null, nodes })),
  )
})

const wanted = (kind: "start" | "stop") =>
  Effect.fn(`Api.${kind}`)(function* (ask: SignedAsk) {
    const { node } = yield* nodeInput(yield* jsonBody(ask))
    return yield* carryOut(ask, { kind }, node)
  })

/** Each waits for what comes of it on each node. `node`: its id, name or address, left out: all. */
export const start = wanted("start")
export const stop = wanted("stop")

export const restart = Effect.fn("Api.restart")(function* (ask: SignedAsk) {
  const { kind, node, slot } = yield* restartInput(yield* jsonBody(ask))
  const instance: One | undefined = slot === undefined ? undefined : { slot, kind }
  return yield* carryOut(ask, { kind: "restart", instance }, node)
})

const countInput = decoder(Schema.Struct({ count: Schema.Int }))

export const scale = Effect.fn("Api.scale")(function* (ask: SignedAsk) {
  const { service } = yield* detailOf(ask)
  const { count } = yield* countInput(yield* jsonBody(ask))
  const least = service.process?.spec.kind === "command" ? 1 : 0
  if (count < least || count > workersMax)
    return yield* new InvalidInput({
      fields: { count: `must be a whole number from ${least} to ${workersMax}, not ${count}` },
    })
  return yield* carryOut(ask, { kind: "scale", count }, undefined)
})

const pushInput = decoder(Schema.Struct({ ...Node, revision: Schema.optionalKey(Schema.Int) }))

/** Gives a saved revision, or the newest, to one node or to all. */
export const pushProcess = Effect.fn("Api.pushProcess")(function* (ask: SignedAsk) {
  const { node, revision } = yield* pushInput(yield* jsonBody(ask))
  return yield* carryOut(ask, { kind: "push", revision }, node)
})
