import type { RetryLimits } from "../domain/Retry.ts"
import { env, writeError } from "../platform/Env.ts"
import type { CallInterceptor } from "./CallSettings.ts"
import { CertificateFolder } from "./CertificateFolder.ts"
import { Client } from "./Client.ts"
import { FileDiscovery, StaticDiscovery } from "./Discovery.ts"
import type { TypedClient } from "./Typed.ts"
import type { GivenEndpoint, ServiceEndpoints } from "./EndpointFile.ts"

export interface ConnectOptions {
  /** The node's data folder. Default: MUSTER_DATA, else /var/lib/muster. */
  readonly dataDir?: string | undefined
  /** The folder of endpoint lists. Default: `<dataDir>/discovery`. */
  readonly discovery?: string | undefined
  /** A list that stays, in place of a discovered one. */
  readonly endpoints?: ReadonlyArray<GivenEndpoint> | undefined
  /** Whether the endpoints of `endpoints` speak TLS. Default `auto`: all but loopback addresses do. */
  readonly tls?: ServiceEndpoints["tls"] | undefined
  /** The folder of `cert.pem`, `key.pem` and `ca.pem`. Default: `<dataDir>/tls`. */
  readonly certificates?: string | undefined
  /** For a call that doesn't say otherwise. Default 500 milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Methods that may be repeated though they may have been executed, beside those that the server names. */
  readonly idempotent?: ReadonlyArray<string> | undefined
  /** Stand around every call, the first outermost: `(call, next) => next(call)`. */
  readonly interceptors?: ReadonlyArray<CallInterceptor> | undefined
  /**
   * Retries and hedges in ten seconds: `ratio` of the calls, default 0.2, or `perSecond` of each second if that is
   * more, default 10.
   */
  readonly retryBudget?: Partial<RetryLimits> | undefined
  /** How this program calls itself to the servers. */
  readonly name?: string | undefined
  /** Hears of an endpoint list that can't be used. Default: one line on stderr. */
  readonly onFault?: ((message: string, cause: unknown) => void) | undefined
}

interface Connect {
  (service: string, options?: ConnectOptions): Client
  /** `Methods`: an interface of the service's methods, as `muster types SERVICE` writes it. */
  <Methods>(service: string, options?: ConnectOptions): TypedClient<Methods>
}

const defaultDataDir = "/var/lib/muster"
/** Of a call that says nothing else, in milliseconds. */
export const defaultTimeoutMs = 500

/**
 * A client of `service`. Returns at once; the first call waits for the endpoint list, and connections are opened when
 * calls need them. Open until `close()`.
 */
export const connect: Connect = (service: string, options: ConnectOptions = {}): Client => {
  const dataDir = options.dataDir ?? env("MUSTER_DATA") ?? defaultDataDir
  const client = new Client({
    service,
    name: options.name ?? "muster/client",
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    certificates: new CertificateFolder(options.certificates ?? `${dataDir}/tls`),
    interceptors: options.interceptors,
    idempotent: options.idempotent,
    retryBudget: options.retryBudget,
  })
  if (options.endpoints !== undefined) {
    return client.follow(new StaticDiscovery(options.endpoints, options.tls ?? "auto"))
  }
  return client.follow(
    new FileDiscovery({
      service,
      path: `${options.discovery ?? `${dataDir}/discovery`}/${service}.json`,
      onChange: (list) => client.apply(list),
      onFault: options.onFault ?? ((message) => writeError(`muster/client: ${message}\n`)),
    }),
  )
}
