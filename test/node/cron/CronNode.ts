import type { CronTask } from "../../../src/domain/Cron.ts"
import type { CronHistory, CronOutput, CronRun, CronRuns, CronTaskStatus } from "../../../src/protocol/CronMessages.ts"
import { nodeMethods } from "../../../src/protocol/NodeManager.ts"
import { waitFor } from "../../support/waitFor.ts"
import type { TestNode } from "../TestNode.ts"

/** A task that is due once a year, so that only what a test asks for is run. */
export const cronTask = (name: string, over: Partial<CronTask> = {}): CronTask => ({
  id: name,
  name,
  enabled: true,
  schedule: { kind: "interval", everySeconds: 31_536_000 },
  action: { kind: "command", command: { shell: "true" }, user: "", env: {} },
  overlap: "skip",
  missed: "once",
  timeoutMs: 60_000,
  retries: 0,
  retryDelayMs: 100,
  jitterMs: 0,
  keepRuns: 200,
  keepMs: 86_400_000,
  ...over,
})

export const shell = (line: string): Extract<CronTask["action"], { readonly kind: "command" }> => ({
  kind: "command",
  command: { shell: line },
  user: "",
  env: {},
})

/** Cron of a node, as the manager sees it. */
export const cronOf = (node: TestNode) => {
  const runs = async (taskId: string) => {
    const answer = await node.call(nodeMethods.cronRuns, { taskId, limit: 1_000 })
    return (answer as CronRuns).runs
  }
  return {
    apply: (revision: number, ...tasks: ReadonlyArray<CronTask>) =>
      node.call(nodeMethods.applyCron, { revision, tasks }),
    start: async (taskId: string, by = "ann") =>
      ((await node.call(nodeMethods.startCron, { taskId, by })) as { runId: string }).runId,
    stop: async (runId: string, by = "bob") => (await node.call(nodeMethods.stopCron, { runId, by })) as CronRun,
    runs,
    page: async (taskId: string, limit: number, before?: string) =>
      (await node.call(nodeMethods.cronRuns, {
        taskId,
        limit,
        ...(before === undefined ? {} : { before }),
      })) as CronRuns,
    history: async (after: string, limit = 1_000) =>
      (await node.call(nodeMethods.cronHistory, { after, limit })) as CronHistory,
    output: async (runId: string) => (await node.call(nodeMethods.cronOutput, { runId })) as CronOutput,
    status: async (id: string): Promise<CronTaskStatus | undefined> =>
      (await node.status()).cron.find((task) => task.id === id),
    /** Waits until so many runs of the task have ended; the oldest first. */
    ended: (taskId: string, count: number) =>
      waitFor(
        async () => {
          const all = (await runs(taskId)).filter(({ state }) => state !== "running")
          return all.length >= count && all.toReversed()
        },
        { timeoutMs: 30_000, what: `${count} ended runs of ${taskId}` },
      ),
    /** Waits until that run has ended. */
    end: (taskId: string, runId: string) =>
      waitFor(async () => (await runs(taskId)).find(({ id, state }) => id === runId && state !== "running"), {
        timeoutMs: 30_000,
        what: `the end of a run of ${taskId}`,
      }),
  }
}
