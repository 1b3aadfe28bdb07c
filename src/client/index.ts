// The public library, `muster/client`: the one file of src that only gathers others.
export type { Balancer, Candidate } from "./Balancer.ts"
export { CallError } from "./CallError.ts"
export type { Caller, CallSettings, Client } from "./Client.ts"
export { connect, type ConnectOptions } from "./connect.ts"
export type { GivenEndpoint, ListedEndpoint } from "./EndpointFile.ts"
export { RpcError } from "../protocol/RpcError.ts"
export type { ErrorCode, Executed } from "../domain/ErrorCode.ts"
