import { RpcError } from "../protocol/RpcError.ts"

export interface WaitOptions {
  readonly timeoutMs: number
  /** What was waited for, for the message. */
  readonly what: string
  readonly signal?: AbortSignal | undefined
}

/** A timer that is set to more ends at once. */
export const timerMaxMs = 2 ** 31 - 1

/** Waits for something that goes on without us when the time is over. For waits before anything was sent. */
export const within = <A>(promise: Promise<A>, { signal, timeoutMs, what }: WaitOptions): Promise<A> =>
  new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", abort)
    }
    const abort = () => {
      settle()
      reject(cancelled())
    }
    const timer = setTimeout(
      () => {
        settle()
        reject(new RpcError("deadline_exceeded", `no ${what} within ${Math.round(timeoutMs)} ms`, { executed: "no" }))
      },
      Math.min(timeoutMs, timerMaxMs),
    )
    if (signal?.aborted === true) return abort()
    signal?.addEventListener("abort", abort)
    promise.finally(settle).then(resolve, reject)
  })

export const cancelled = () => new RpcError("cancelled", "cancelled by the caller", { executed: "no" })
