import { Context, Effect, Layer, Schema } from "effect"
import { type CallOutcome, endpointsCalledMax } from "../../domain/CallOutcome.ts"
import { type Endpoint, endpointKey } from "../../domain/Endpoint.ts"
import { usesTls } from "../../domain/Loopback.ts"
import { MethodDescription } from "../../protocol/NodeManager.ts"
import type { MethodInfo } from "../../protocol/Reflection.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import type { ReleasedList } from "../store/ListsRepo.ts"
import { NodesRepo } from "../store/NodesRepo.ts"
import { Authority } from "./Authority.ts"
import { Calls } from "./Calls.ts"
import { Desired } from "./Desired.ts"
import { KernelService, NotFound } from "./Errors.ts"
import { testCall, type TestCallRequest } from "./TestCall.ts"

export type ConsoleCall = {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly timeoutMs: number
  /** `ip:port` of one endpoint of the released list, or all of them. */
  readonly endpoint: string
}

const callsAtOnce = 8
const reflectionTimeoutMs = 1_000
const decodeMethods = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(MethodDescription)))

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const authority = yield* Authority
  const calls = yield* Calls
  const desired = yield* Desired
  const nodes = yield* NodesRepo

  const serviceOf = Effect.fnUntraced(function* (id: string) {
    const { released, services } = yield* desired.index
    const service = services.find((one) => one.id === id)
    if (service === undefined) return yield* new NotFound({ what: "service", id })
    if (service.kernel) return yield* new KernelService({ action: "call" })
    return { service, list: released.get(id) }
  })

  type Wanted = Omit<TestCallRequest, "tls" | "signal" | "endpoint">
  const callAt = Effect.fnUntraced(function* (list: ReleasedList, endpoint: Endpoint, wanted: Wanted) {
    const tls = usesTls(list.tls, endpoint.ip) ? yield* authority.manager : undefined
    return yield* Effect.promise((signal) => testCall({ ...wanted, endpoint, tls, signal }))
  })

  /** Asked of an endpoint, where no node of ours runs the service. */
  const reflection = Effect.fnUntraced(function* (service: string, list: ReleasedList | undefined) {
    const endpoint = list?.endpoints.find(({ status }) => status === "online") ?? list?.endpoints[0]
    if (list === undefined || endpoint === undefined) return []
    const wanted = { service, method: "methods", args: [], stream: false, timeoutMs: reflectionTimeoutMs }
    const outcome = yield* callAt(list, endpoint, wanted)
    if (!outcome.ok || outcome.cut) return []
    const found = decodeMethods(outcome.json)
    return found._tag === "Some" ? found.value : []
  })

  const methods = Effect.fn("CallConsole.methods")(function* (id: string) {
    const { list, service } = yield* serviceOf(id)
    const told = yield* calls.methods(id)
    return told.length > 0 ? told : yield* reflection(service.name, list)
  })

  const call = Effect.fn("CallConsole.call")(function* (id: string, request: ConsoleCall, by: string) {
    const { list, service } = yield* serviceOf(id)
    const { args, endpoint: where, method, timeoutMs } = request
    const all = list?.endpoints ?? []
    const chosen = where === "all" ? all.slice(0, endpointsCalledMax) : all.filter((one) => endpointKey(one) === where)
    if (list === undefined || chosen.length === 0) return yield* new NotFound({ what: "endpoint", id: where })
    const detail = { method, endpoints: chosen.map(endpointKey) }
    yield* audit.add({ who: by, what: "service.call", object: `service:${id}`, detail })
    const stream = (yield* methods(id)).some(({ kind, name }) => name === method && kind === "stream")
    const names = new Map(
      (yield* nodes.list).filter(({ revokedAt }) => revokedAt === null).map(({ ip, name }) => [ip, name]),
    )
    const wanted = { service: service.name, method, args, stream, timeoutMs }
    return yield* Effect.forEach(
      chosen,
      (endpoint) =>
        Effect.map(callAt(list, endpoint, wanted), (result): CallOutcome => ({
          ...result,
          nodeName: names.get(endpoint.ip) ?? null,
        })),
      { concurrency: callsAtOnce },
    )
  })

  return CallConsole.of({ methods, call })
})

/** Calls that a person makes from the page, to look whether and what a service answers. */
export class CallConsole extends Context.Service<
  CallConsole,
  {
    /** What the service says of its methods: told by its nodes, else asked of one of its endpoints. */
    readonly methods: (id: string) => Effect.Effect<ReadonlyArray<MethodInfo>, NotFound | KernelService>
    /** Calls the endpoints, each over a connection of its own. The audit keeps who called which method, not the arguments. */
    readonly call: (
      id: string,
      request: ConsoleCall,
      by: string,
    ) => Effect.Effect<ReadonlyArray<CallOutcome>, NotFound | KernelService>
  }
>()("muster/manager/fleet/CallConsole") {
  static readonly layer = Layer.effect(CallConsole, make)
}
