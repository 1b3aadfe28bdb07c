import { timerMaxMs } from "./Within.ts"

/** One try of a call. */
export interface Try {
  readonly promise: Promise<unknown>
  /** Its answer is of no use any more. */
  cancel(): void
}

export interface HedgeOptions {
  readonly afterMs: number
  /** Undefined: there is nowhere to try, or no budget for it. */
  readonly second: () => Try | undefined
  /** Whether a failure settles the call though the other try still runs. */
  readonly isFinal: (error: unknown, of: Try) => boolean
}

/** Tries a second time when the first takes too long. The first answer counts, and ends the other try. */
export const hedge = (first: Try, { afterMs, isFinal, second }: HedgeOptions): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const open = new Set<Try>()
    const settle = () => {
      clearTimeout(timer)
      for (const other of open) other.cancel()
      open.clear()
    }
    const answered = (one: Try, value: unknown) => {
      open.delete(one)
      settle()
      resolve(value)
    }
    const failed = (one: Try, error: unknown) => {
      if (!open.delete(one)) return
      if (!isFinal(error, one) && open.size > 0) return
      settle()
      reject(error)
    }
    const follow = (one: Try) => {
      open.add(one)
      void one.promise.then(
        (value) => answered(one, value),
        (error: unknown) => failed(one, error),
      )
    }
    const timer = setTimeout(
      () => {
        const other = second()
        if (other !== undefined) follow(other)
      },
      Math.min(afterMs, timerMaxMs),
    )
    follow(first)
  })
