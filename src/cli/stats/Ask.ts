import { Option, Schema } from "effect"
import { connect } from "../../client/connect.ts"
import type { Client } from "../../client/Client.ts"
import {
  endpointName,
  type ListedEndpoint,
  parseEndpointFile,
  type ServiceEndpoints,
} from "../../client/EndpointFile.ts"
import { readText } from "../../platform/DurableFile.ts"
import { currentMs } from "../../platform/Time.ts"
import { Stats } from "../../protocol/NodeManager.ts"
import { messageOf } from "../call/CallFault.ts"
import { CommandFailed } from "../Failure.ts"
import type { EndpointStats, Look } from "./Figures.ts"

export interface AskOptions {
  readonly data: string
  readonly timeout: number
  /** Only the endpoints of this address. */
  readonly node: string | undefined
}

const readStats = Schema.decodeUnknownOption(Stats)
const readSettings = Schema.decodeUnknownOption(
  Schema.Struct({ settings: Schema.Record(Schema.String, Schema.Unknown) }),
)

/** A client for each endpoint of a service that is online, to ask them all. */
export class Endpoints {
  readonly #clients: ReadonlyArray<{ readonly ip: string; readonly endpoint: string; readonly client: Client }>

  private constructor(service: string, list: ServiceEndpoints, { data, node, timeout }: AskOptions) {
    const asked = list.endpoints.filter(({ ip, status }) => status === "online" && (node === undefined || ip === node))
    if (asked.length === 0) throw new CommandFailed({ message: nobody(service, list.endpoints, node) })
    this.#clients = asked.map((endpoint) => ({
      ip: endpoint.ip,
      endpoint: endpointName(endpoint),
      client: connect(service, {
        endpoints: [endpoint],
        tls: list.tls,
        certificates: `${data}/tls`,
        timeoutMs: timeout,
        name: "muster stats",
      }),
    }))
  }

  /** Reads the list that was pushed to this node. Rejects with CommandFailed. */
  static async of(service: string, options: AskOptions): Promise<Endpoints> {
    const path = `${options.data}/discovery/${service}.json`
    let list: ServiceEndpoints | undefined
    try {
      const text = await readText(path)
      list = text === undefined ? undefined : parseEndpointFile(text, service)
    } catch (error) {
      throw new CommandFailed({ message: `Cannot use ${path}: ${messageOf(error)}` })
    }
    if (list !== undefined) return new Endpoints(service, list, options)
    throw new CommandFailed({ message: `There is no endpoint list at ${path}: was ${service} pushed to this node?` })
  }

  /** Asks all of them, at once. */
  async look(): Promise<Look> {
    const endpoints = await Promise.all(
      this.#clients.map(async ({ client, endpoint, ip }): Promise<EndpointStats> => {
        try {
          const answer = await client.with({ ip }).call("stats")
          const stats = readStats(answer)
          const settings = Option.getOrUndefined(readSettings(answer))?.settings
          if (Option.isSome(stats)) return { endpoint, stats: stats.value, settings }
          return { endpoint, error: "its stats are of a form that is not known here" }
        } catch (error) {
          return { endpoint, error: messageOf(error) }
        }
      }),
    )
    return { at: currentMs(), endpoints }
  }

  close(): void {
    for (const { client } of this.#clients) client.close()
  }
}

const nobody = (service: string, endpoints: ReadonlyArray<ListedEndpoint>, node: string | undefined): string => {
  if (node === undefined) return `none of the ${endpoints.length} endpoints of ${service} is online`
  const known = endpoints.some(({ ip }) => ip === node)
  return known ? `the endpoint of ${service} on ${node} is offline` : `${service} has no endpoint on ${node}`
}
