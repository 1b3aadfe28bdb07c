import { expect, test } from "bun:test"
import { LoopLag } from "../../src/worker/LoopLag.ts"
import { waitFor } from "../support/waitFor.ts"

const block = (ms: number) => {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test("the longest time that the loop was stuck is told once, also when it ends in the asking itself", async () => {
  const lag = new LoopLag()
  try {
    // Up to a sample of it and a fifth, which was due anyway, does not count.
    block(300)
    expect(lag.take()).toBeGreaterThanOrEqual(170)
    block(400)
    // By its own timer, before anybody asks.
    const asked = Promise.withResolvers<number>()
    setTimeout(() => asked.resolve(lag.take()), 40)
    expect(await asked.promise).toBeGreaterThanOrEqual(270)
    await waitFor(() => lag.take() < 100)
  } finally {
    lag.stop()
  }
})

test("its rough clock goes on", async () => {
  const lag = new LoopLag()
  const first = lag.now
  await waitFor(() => lag.now > first)
  expect(Math.abs(lag.now - Date.now())).toBeLessThan(5_000)
  lag.stop()
})
