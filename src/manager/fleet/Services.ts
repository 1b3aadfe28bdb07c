import { Context, Effect, Layer } from "effect"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type { Service } from "../store/ServicesRepo.ts"
import type { SetOptions } from "../store/ProcessSpecsRepo.ts"
import type { Conflict, GuardRefused, KernelService, NotFound, Stale } from "./Errors.ts"
import type { EndpointStatusInput, ProcessInput, ServiceInput, ServiceUpdate } from "./Inputs.ts"
import { Overview } from "./Overview.ts"
import { listCommands } from "./ListCommands.ts"
import { ownCommands } from "./OwnCommands.ts"
import type { ClientView, ServiceDetail, ServiceSummary } from "./Views.ts"

const make = Effect.gen(function* () {
  const overview = yield* Overview
  const { byName, get, list, named } = overview
  return Services.of({ list, get, byName, named, ...(yield* listCommands), ...(yield* ownCommands) })
})

/** Commands and rules on services. Inputs are decoded before (Inputs.ts); `by` is the user's name, for the audit. */
export class Services extends Context.Service<
  Services,
  {
    /** Without deleted ones, node_manager first, then by name. */
    readonly list: Effect.Effect<ReadonlyArray<ServiceSummary>>
    readonly get: (id: string) => Effect.Effect<ServiceDetail, NotFound>
    readonly byName: (name: string) => Effect.Effect<ServiceDetail, NotFound>
    /** No more than what is in its row: most often without a query. */
    readonly named: (name: string) => Effect.Effect<Service, NotFound>
    /** Releases revision 1 when endpoints are given. Pushes nothing. */
    readonly create: (
      input: ServiceInput,
      by: string,
    ) => Effect.Effect<{ readonly id: string; readonly name: string }, Conflict>
    /** Releases a revision when the list or `tls` changed. `revision`: the released one afterwards, 0 when there is none. */
    readonly update: (
      id: string,
      input: ServiceUpdate,
      by: string,
    ) => Effect.Effect<{ readonly revision: number }, NotFound | Conflict | Stale | GuardRefused | KernelService>
    /** Its clients lose its file, its nodes its processes. */
    readonly remove: (id: string, by: string) => Effect.Effect<void, NotFound | KernelService>
    /** An operational change: starts from the released revision, never carries a draft along, and is pushed at once. */
    readonly setEndpointStatus: (
      id: string,
      input: EndpointStatusInput,
      by: string,
    ) => Effect.Effect<{ readonly revision: number }, NotFound | GuardRefused | KernelService>
    readonly saveDraft: (
      id: string,
      endpoints: ReadonlyArray<Endpoint>,
      by: string,
    ) => Effect.Effect<void, NotFound | KernelService>
    readonly discardDraft: (id: string, by: string) => Effect.Effect<void, NotFound>
    /** Releases the draft. Stale when a revision was released after the draft was begun. */
    readonly release: (
      id: string,
      override: boolean,
      by: string,
    ) => Effect.Effect<{ readonly revision: number }, NotFound | Stale | GuardRefused | KernelService>
    /** Saves it, and pushes it to all of its nodes unless `pushed` is false. Stale when it is not at the revision `base` any more. */
    readonly setProcess: (
      id: string,
      input: ProcessInput,
      by: string,
      options?: SetOptions,
    ) => Effect.Effect<{ readonly revision: number }, NotFound | Stale | KernelService>
    readonly removeProcess: (id: string, by: string) => Effect.Effect<void, NotFound | KernelService>
    /** A removed client that is added again is restored, with what it had acked. */
    readonly addClients: (
      id: string,
      ips: ReadonlyArray<string>,
      by: string,
    ) => Effect.Effect<ReadonlyArray<ClientView>, NotFound | Conflict>
    readonly removeClient: (id: string, clientId: string, by: string) => Effect.Effect<void, NotFound>
    readonly restoreClient: (id: string, clientId: string, by: string) => Effect.Effect<void, NotFound>
  }
>()("muster/manager/fleet/Services") {
  static readonly layer = Layer.effect(Services, make)
}
