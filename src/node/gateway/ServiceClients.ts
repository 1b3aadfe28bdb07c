import type { CertificateFolder } from "../../client/CertificateFolder.ts"
import { Client } from "../../client/Client.ts"
import type { Discovery } from "../../client/Discovery.ts"
import type { EndpointList } from "../../domain/EndpointList.ts"
import { defaultTimeoutMs } from "./CallRequest.ts"

export interface ServiceClientsOptions {
  /** The lists that were pushed to this node, as they are now. A list that has not changed is the same object. */
  readonly lists: () => ReadonlyArray<EndpointList>
  readonly certificates: CertificateFolder
}

/** A client for each service that was pushed to this node; they share the connections of all who call. */
export class ServiceClients {
  readonly #options: ServiceClientsOptions
  readonly #services = new Map<string, PushedService>()

  constructor(options: ServiceClientsOptions) {
    this.#options = options
    this.refresh()
  }

  get lists(): ReadonlyArray<EndpointList> {
    return this.#options.lists()
  }

  /** Undefined: the service was not pushed to this node. */
  find(service: string): Client | undefined {
    let found = this.#services.get(service)
    if (found === undefined) {
      // A list may have come this very moment.
      this.refresh()
      found = this.#services.get(service)
    }
    return found?.client
  }

  /** Takes on the lists as they are now. */
  refresh(): void {
    const lists = this.lists
    const names = new Set<string>(lists.map(({ service }) => service))
    for (const [name, service] of this.#services) {
      if (names.has(name)) continue
      this.#services.delete(name)
      service.retire()
    }
    for (const list of lists) {
      const known = this.#services.get(list.service)
      if (known === undefined) this.#services.set(list.service, new PushedService(list, this.#options.certificates))
      else known.follow(list)
    }
  }

  close(): void {
    for (const { client } of this.#services.values()) client.close()
    this.#services.clear()
  }
}

/** The agent knows its lists at first hand, so its clients need not watch the files. */
class PushedService implements Discovery {
  readonly ready = undefined
  readonly missing = ""
  readonly client: Client
  list: EndpointList

  constructor(list: EndpointList, certificates: CertificateFolder) {
    this.list = list
    const { service } = list
    this.client = new Client({ service, name: "muster gateway", timeoutMs: defaultTimeoutMs, certificates }).follow(
      this,
    )
  }

  follow(list: EndpointList): void {
    if (list === this.list) return
    this.list = list
    this.client.apply(list)
  }

  /** Calls that are open finish. */
  retire(): void {
    this.client.apply({ ...this.list, endpoints: [] })
    this.client.close()
  }

  close(): void {}
}
