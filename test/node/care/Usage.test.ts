import { expect, setDefaultTimeout, test } from "bun:test"
import { Effect, Layer } from "effect"
import { EachSecond } from "../../../src/node/EachSecond.ts"
import { Usage, type Watched } from "../../../src/node/usage/Usage.ts"
import { waitFor } from "../../support/waitFor.ts"

setDefaultTimeout(60_000)

const measured = (line: string, check: (watched: Watched, pid: number) => Promise<void>) =>
  Effect.gen(function* () {
    const usage = yield* Usage
    const child = Bun.spawn(["setsid", "sh", "-c", line], { stdout: "pipe" })
    const watched = usage.watch(child.pid, () => 7)
    yield* Effect.promise(async () => {
      try {
        await check(watched, child.pid)
      } finally {
        for (const { pid } of watched.tree()) process.kill(pid, "SIGKILL")
        await child.exited
      }
    })
  }).pipe(Effect.provide(Usage.layer.pipe(Layer.provide(EachSecond.layer))), Effect.scoped, Effect.runPromise)

test("an endless loop in a child is seen in the figures of its parent", () =>
  measured("(while :; do :; done) & wait", async (watched) => {
    const { latest } = await waitFor(() => (watched.latest?.cpuPercent ?? 0) > 5 && watched)
    expect(latest?.processes).toBe(2)
    expect(latest?.loopLagMs).toBe(7)
    expect(latest?.rssBytes).toBeGreaterThan(500_000)
    expect(latest?.cpuPercent).toBeLessThan(150)
  }))

test("no more than a minute is kept, and nothing of one that is watched no more", () =>
  measured("sleep 300", async (watched) => {
    await waitFor(() => watched.samples.length >= 2)
    watched.stop()
    const { length } = watched.samples
    await Bun.sleep(2_200)
    expect(watched.samples).toHaveLength(length)
  }))
