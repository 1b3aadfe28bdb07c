import type { CronTask } from "../../src/domain/Cron.ts"
import type { CronRun } from "../../src/protocol/CronMessages.ts"

/** A task as it is after decoding, each part changeable. */
export const cronFields = (name: string, rest: Partial<Omit<CronTask, "id">> = {}): Omit<CronTask, "id"> => ({
  name,
  enabled: true,
  schedule: { kind: "interval", everySeconds: 3_600 },
  action: { kind: "command", command: { shell: "echo 你好" }, user: "", env: {} },
  overlap: "skip",
  missed: "once",
  timeoutMs: 3_600_000,
  retries: 0,
  retryDelayMs: 10_000,
  jitterMs: 0,
  keepRuns: 200,
  keepMs: 30 * 86_400_000,
  ...rest,
})

export const cronRun = (taskId: string, id: string, rest: Partial<CronRun> = {}): CronRun => ({
  id,
  taskId,
  cause: "schedule",
  dueAt: 1_000,
  startedAt: 1_000,
  endedAt: 2_000,
  state: "ok",
  attempt: 1,
  exitCode: 0,
  signal: null,
  reason: null,
  by: null,
  outputBytes: 0,
  ...rest,
})
