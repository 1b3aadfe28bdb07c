import type { Client } from "../client/Client.ts"
import { connect } from "../client/connect.ts"
import { RpcError } from "../protocol/RpcError.ts"

/** Services that one process calls. More are a mistake: names that came from outside. */
const servicesMax = 256

const clients = new Map<string, Client>()

/** The client of a service that all calls of this process share; open as long as the process. */
export const clientOf = (service: string, caller: string): Client => {
  const known = clients.get(service)
  if (known !== undefined) return known
  if (clients.size >= servicesMax)
    throw new RpcError("resource_exhausted", `Cannot call "${service}": ${servicesMax} services are called already`)
  const client = connect(service, { name: caller })
  clients.set(service, client)
  return client
}
