import { expect, test } from "bun:test"
import { waitedForCpuMs } from "../../src/platform/ProcessAge.ts"
import { waitFor } from "../support/waitFor.ts"

test("a process that another keeps from the CPU is seen to wait for it, and one that sleeps is not", async () => {
  const start = (...command: ReadonlyArray<string>) => Bun.spawn([...command], { stdin: "ignore", stdout: "ignore" })
  const loop = "while :; do :; done"
  // Both on one CPU.
  const greedy = start("taskset", "-c", "0", "sh", "-c", loop)
  const starved = start("taskset", "-c", "0", "nice", "-n", "19", "sh", "-c", loop)
  const asleep = start("sleep", "60")
  try {
    await waitFor(() => (waitedForCpuMs(starved.pid) ?? 0) > 300, { timeoutMs: 30_000 })
    expect(waitedForCpuMs(asleep.pid) ?? 0).toBeLessThan(waitedForCpuMs(starved.pid) ?? 0)
  } finally {
    for (const child of [greedy, starved, asleep]) {
      child.kill("SIGKILL")
      await child.exited
    }
  }
  expect(waitedForCpuMs(starved.pid)).toBeUndefined()
}, 60_000)
