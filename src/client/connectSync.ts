import { env } from "../platform/Env.ts"
import type { SyncConnectOptions } from "./CallThread.ts"
import { defaultTimeoutMs } from "./connect.ts"
import { parseEndpoint } from "./EndpointFile.ts"
import { SyncClient } from "./SyncClient.ts"
import type { TypedSyncClient } from "./Typed.ts"

interface ConnectSync {
  (service: string, options?: SyncConnectOptions): SyncClient
  /** `Methods`: an interface of the service's methods, as `muster types SERVICE` writes it. */
  <Methods>(service: string, options?: SyncConnectOptions): TypedSyncClient<Methods>
}

/**
 * A client of `service` whose calls block until they are answered, for programs that are not asynchronous: nothing else
 * runs in the calling thread meanwhile, so a server should use `connect`. All such clients share one thread, which
 * makes the calls and is started by the first of them (that start does not count to the call's timeout). Neither it nor
 * open connections keep the process alive.
 */
export const connectSync: ConnectSync = (service: string, options: SyncConnectOptions = {}): SyncClient => {
  const { certificates, dataDir, discovery, endpoints, idempotent, name, retryBudget, timeoutMs, tls } = options
  return new SyncClient(service, {
    certificates,
    discovery,
    idempotent,
    name,
    retryBudget,
    tls,
    // The thread has an environment of its own.
    dataDir: dataDir ?? env("MUSTER_DATA"),
    endpoints: endpoints?.map(parseEndpoint),
    timeoutMs: timeoutMs ?? defaultTimeoutMs,
  })
}
