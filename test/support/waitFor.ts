/**
 * Waits until `condition` holds, and answers what it gave; a rejection counts as "not yet". Fails with the last
 * error, or with what was waited for, after `timeoutMs`.
 */
export const waitFor = async <A>(
  condition: () => A | Promise<A>,
  { timeoutMs = 10_000, what = condition.toString() }: { timeoutMs?: number; what?: string } = {},
): Promise<Exclude<A, false | undefined | null>> => {
  const until = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value !== false && value !== undefined && value !== null) {
        return value as Exclude<A, false | undefined | null>
      }
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() > until) throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`, { cause })
    await Bun.sleep(20)
  }
}
