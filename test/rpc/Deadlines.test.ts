import { expect, test } from "bun:test"
import { deadlines, now, Timed } from "../../src/rpc/Deadlines.ts"
import { waitFor } from "../support/waitFor.ts"

class Noted extends Timed {
  expiredAt: number | undefined
  expire() {
    this.expiredAt = now()
  }
}

const after = (ms: number) => {
  const timed = new Noted()
  deadlines.add(timed, now() + ms)
  return timed
}

/** How often a timer of this process is set while `work` runs. */
const timersDuring = async (work: () => Promise<void>) => {
  const real = globalThis.setTimeout
  let count = 0
  globalThis.setTimeout = Object.assign(
    (...input: Parameters<typeof real>) => {
      count++
      return real(...input)
    },
    { __promisify__: real.__promisify__ },
  ) as typeof real
  await work().finally(() => (globalThis.setTimeout = real))
  return count
}

test("a deadline that is far away sets few timers until it is near", async () => {
  const far = after(20_000)
  expect(await timersDuring(() => Bun.sleep(400))).toBeLessThan(10)
  deadlines.remove(far)
})

test("a near deadline that comes after a far one is met, and so are those behind it", async () => {
  const far = after(30_000)
  await Bun.sleep(50)
  const from = now()
  const some = [200, 20, 90, 5].map((ms) => ({ ms, timed: after(ms) }))
  await waitFor(() => some.every(({ timed }) => timed.expiredAt !== undefined), { timeoutMs: 5_000 })
  for (const { ms, timed } of some) {
    const took = (timed.expiredAt ?? 0) - from
    expect(took).toBeGreaterThanOrEqual(ms - 1)
    expect(took).toBeLessThan(ms + 500)
  }
  expect(far.expiredAt).toBeUndefined()
  deadlines.remove(far)
})

test("a deadline behind more than one turn of the wheel is met once, in its time", async () => {
  const from = now()
  const late = after(4_500)
  await waitFor(() => late.expiredAt !== undefined, { timeoutMs: 10_000 })
  expect((late.expiredAt ?? 0) - from).toBeGreaterThanOrEqual(4_499)
}, 15_000)
