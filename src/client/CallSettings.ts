import { RpcError } from "../protocol/RpcError.ts"
import type { Interceptor } from "../rpc/Interceptor.ts"
import type { CallOptions } from "../rpc/RpcConnection.ts"

/** How one call differs from the client's own settings. */
export interface CallSettings {
  /** For the whole call, with connecting and going elsewhere. Milliseconds. A stream has none unless this is given. */
  readonly timeoutMs?: number | undefined
  /** Call the endpoint of this address, whatever its weight; it must be online. */
  readonly ip?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Sent along with the request, such as `traceparent`. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined
  /**
   * Running the method twice does what running it once does: the call may be repeated after a failure that leaves open
   * whether it ran. Default: what the client's `idempotent` and the server say of the method.
   */
  readonly idempotent?: boolean | undefined
  /**
   * Names this call, 1 to 255 characters. An endpoint answers a repetition of it from memory, so it may be repeated
   * there, by the client and by its caller, whatever the method.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * Idempotent methods only: ask a second worker when there is no answer after so many milliseconds; the first answer
   * counts.
   */
  readonly hedgeAfterMs?: number | undefined
  /** How often the call may be repeated, 0 to 10; default 2. What no server took goes elsewhere all the same. */
  readonly retries?: number | undefined
}

/** Stands around the calls of a client. */
export type CallInterceptor = Interceptor<CallSettings>

const keyCharsMax = 255
const retriesMax = 10

/** Settings made ready once, for all calls that are made with them. */
export class CallPlan implements CallOptions {
  readonly settings: CallSettings
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly meta: Readonly<Record<string, unknown>> | undefined
  /** Nothing in the settings stands in the way of calling the next best worker at once. */
  readonly isPlain: boolean
  /** What is wrong with the settings. */
  readonly fault: RpcError | undefined

  constructor(settings: CallSettings, timeoutMs: number) {
    const { hedgeAfterMs, idempotencyKey: key, ip, meta, signal } = settings
    this.settings = settings
    this.timeoutMs = settings.timeoutMs ?? timeoutMs
    this.signal = signal
    this.meta = key === undefined ? meta : { ...meta, key }
    this.fault = faultOf({ ...settings, timeoutMs: this.timeoutMs })
    this.isPlain = this.fault === undefined && ip === undefined && key === undefined && hedgeAfterMs === undefined
  }
}

const faultOf = ({ hedgeAfterMs = 0, idempotencyKey = "-", retries = 0, timeoutMs = 1 }: CallSettings) => {
  if (idempotencyKey === "" || idempotencyKey.length > keyCharsMax)
    return wrong("idempotencyKey", `${idempotencyKey.length} characters`, `1 to ${keyCharsMax} characters`)
  if (!(hedgeAfterMs >= 0)) return wrong("hedgeAfterMs", hedgeAfterMs, "0 or more")
  if (!(Number.isInteger(retries) && retries >= 0 && retries <= retriesMax))
    return wrong("retries", retries, `a whole number, 0 to ${retriesMax}`)
  if (Number.isNaN(timeoutMs)) return wrong("timeoutMs", timeoutMs, "a number")
  // Asking all the same would make the endpoint look silent.
  if (timeoutMs <= 0)
    return new RpcError("deadline_exceeded", `no time is left: "timeoutMs" is ${timeoutMs}`, { executed: "no" })
  return undefined
}

const wrong = (name: string, value: number | string, expected: string) =>
  new RpcError("invalid_argument", `"${name}" is ${value}, expected ${expected}`, { executed: "no" })
