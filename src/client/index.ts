// The public library, `muster/client`: the one file of src that only gathers others.
export { CallError } from "./CallError.ts"
export type { Caller, Client } from "./Client.ts"
export type { CallInterceptor, CallSettings } from "./CallSettings.ts"
export type { ClientStats, EndpointStats, WorkerStats } from "./ClientStats.ts"
export type { SyncCallSettings, SyncConnectOptions } from "./CallThread.ts"
export { connect, type ConnectOptions } from "./connect.ts"
export { connectSync } from "./connectSync.ts"
export type { GivenEndpoint, ListedEndpoint } from "./EndpointFile.ts"
export type { SyncCaller, SyncClient } from "./SyncClient.ts"
export type { InterceptedCall, Interceptor } from "../rpc/Interceptor.ts"
export type { RetryLimits } from "../domain/Retry.ts"
export type {
  ItemOf,
  ResultOf,
  StreamName,
  TypedCaller,
  TypedClient,
  TypedSyncCaller,
  TypedSyncClient,
  UnaryName,
} from "./Typed.ts"
export { RpcError } from "../protocol/RpcError.ts"
export type { ErrorCode, Executed } from "../domain/ErrorCode.ts"
