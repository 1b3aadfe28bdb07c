/** A call on its way to its method: on the client before it is sent, on the server before its handler runs. */
export interface InterceptedCall<Settings = unknown> {
  readonly service: string
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  /** On the client the settings of the call, on the server what its handler gets to know of it. */
  readonly settings: Settings
}

/**
 * Stands around every call. `next` goes on, with this call or another made from it, and answers the result; an
 * interceptor may call it once, several times or not at all.
 */
export type Interceptor<Settings = unknown> = (
  call: InterceptedCall<Settings>,
  next: (call: InterceptedCall<Settings>) => Promise<unknown>,
) => Promise<unknown>

/**
 * The first interceptor is the outermost; `last` makes the call. Undefined when there are none, so that none cost
 * nothing.
 */
export const intercepted = <Settings>(
  interceptors: ReadonlyArray<Interceptor<Settings>>,
  last: (call: InterceptedCall<Settings>) => Promise<unknown>,
): ((call: InterceptedCall<Settings>) => Promise<unknown>) | undefined => {
  if (interceptors.length === 0) return undefined
  return interceptors.reduceRight<(call: InterceptedCall<Settings>) => Promise<unknown>>(
    (next, interceptor) => async (call) => await interceptor(call, next),
    last,
  )
}
