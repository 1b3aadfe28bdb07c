import { expect, setDefaultTimeout, test } from "bun:test"
import { TestNode } from "../TestNode.ts"
import { cronOf, cronTask, shell } from "./CronNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const started = async () => (await new TestNode().join()).start()

test("a task runs on its interval, and its output, code and times are kept", async () => {
  await using node = await started()
  const cron = cronOf(node)
  const before = Date.now()
  await cron.apply(
    1,
    cronTask("tick", {
      schedule: { kind: "interval", everySeconds: 1 },
      action: shell("echo a 'b  c'; echo d >&2; exit 3"),
    }),
  )
  const [first, second] = await cron.ended("tick", 2)
  expect(first).toMatchObject({
    taskId: "tick",
    cause: "schedule",
    state: "failed",
    attempt: 1,
    exitCode: 3,
    signal: null,
    reason: "exited with code 3",
    by: null,
    outputBytes: 9,
  })
  expect(first?.dueAt).toBeGreaterThanOrEqual(before + 1_000)
  expect(second?.dueAt).toBeGreaterThan(first?.dueAt ?? 0)
  expect(await cron.output(first?.id ?? "")).toEqual({ head: "a b  c\nd\n", tail: "", omitted: 0 })
  expect(await cron.status("tick")).toMatchObject({ running: 0, last: { state: "failed" } })
  expect((await node.status()).cronRevision).toBe(1)
})
