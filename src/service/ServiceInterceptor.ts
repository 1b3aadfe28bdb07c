import type { Interceptor } from "../rpc/Interceptor.ts"
import type { CallContext } from "./CallContext.ts"

/**
 * Stands around every call of a module that exports `interceptors`, a list of these, the outermost first:
 *
 *     export const interceptors: Array<ServiceInterceptor> = [async (call, next) => await next(call)]
 *
 * `call.settings` is the context of the call. What it throws is the answer.
 */
export type ServiceInterceptor = Interceptor<CallContext>
