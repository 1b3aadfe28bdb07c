import { describe, expect, test } from "bun:test"
import { checkCronForm, cronErrorCount, cronValues, newCron, readCronForm } from "../../ui/forms/CronFields.ts"
import type { CronFormValues } from "../../ui/CronModels.ts"
import { filterCron, readCronQuery } from "../../ui/Lists.ts"
import { report, tasks } from "../support/galleryCron.ts"

const good: CronFormValues = {
  ...newCron,
  name: "report",
  node: "10.0.0.1",
  shell: "true",
  expression: "30 3 * * *",
  timeZone: "UTC",
}
const errorsOf = (rest: Partial<CronFormValues>) => checkCronForm({ ...good, ...rest }).errors ?? {}

describe("the form of a cron task", () => {
  test("of each task that there is means what the task is", () => {
    for (const task of tasks) {
      const {
        action,
        enabled,
        jitterMs,
        keepMs,
        keepRuns,
        missed,
        name,
        overlap,
        retries,
        retryDelayMs,
        schedule,
        timeoutMs,
      } = task
      expect(checkCronForm(cronValues(task)).value).toEqual({
        name,
        node: task.node.ip,
        enabled,
        schedule,
        action,
        overlap,
        missed,
        timeoutMs,
        retries,
        retryDelayMs,
        jitterMs,
        keepRuns,
        keepMs,
      })
    }
  })

  test("is read as it was posted", () => {
    const values = cronValues(report)
    const posted = new URLSearchParams(
      Object.entries(values).flatMap(([name, value]) =>
        typeof value === "boolean" ? (value ? [[name, "on"]] : []) : [[name, value]],
      ),
    )
    expect(readCronForm(posted)).toEqual(values)
    expect(readCronForm(new URLSearchParams({ kind: "odd", overlap: "odd" }))).toMatchObject({
      kind: "shell",
      overlap: "skip",
      enabled: false,
    })
  })

  test("names each field that is wrong, and only those of the chosen kind", () => {
    expect(errorsOf({})).toEqual({})
    expect(errorsOf({ name: "", node: "", shell: "" })).toEqual({ name: "syntax", node: "missing", shell: "empty" })
    expect(errorsOf({ kind: "command", shell: "" })).toEqual({ argv: "empty" })
    expect(errorsOf({ kind: "command", argv: "a 'b" })).toEqual({ argv: "quote" })
    expect(errorsOf({ kind: "method", shell: "" })).toEqual({ service: "syntax", method: "syntax" })
    expect(errorsOf({ kind: "method", service: "a", method: "b.c", args: "{}" })).toEqual({ args: "json" })
    expect(errorsOf({ when: "interval", every: "1500 ms", expression: "" })).toEqual({ every: "time" })
    expect(errorsOf({ when: "interval", every: "90" })).toEqual({ every: "time" })
    expect(errorsOf({ expression: "61 * * * *" }).expression).toContain('"61"')
    expect(errorsOf({ timeZone: "Asia/Peking" })).toEqual({ timeZone: "unknown" })
    expect(errorsOf({ cwd: "here", env: "A=1\n\nB" })).toEqual({ cwd: "path", env: { line: 3 } })
    const wrong = errorsOf({ timeout: "soon", retryDelay: "2 d", keep: "1 s", retries: "101", keepRuns: "0" })
    expect(wrong).toEqual({ timeout: "unit", retryDelay: "range", keep: "range", retries: "range", keepRuns: "range" })
    expect(cronErrorCount(wrong)).toBe(5)
  })
})

test("the list of cron tasks is filtered by what runs, fails or is off, and searched by name, node and command", () => {
  const names = (query: string) => filterCron(tasks, readCronQuery(new URLSearchParams(query))).map(({ name }) => name)
  expect(names("f=running")).toEqual(["clean-sessions"])
  expect(names("f=failing")).toEqual(["import-prices", "move-archive", "old-backup"])
  expect(names("f=off")).toEqual(["old-backup"])
  expect(names("q=GZIP")).toEqual(["nightly-report"])
  expect(names("q=node-12")).toEqual(["move-archive"])
  expect(names("q=orders.expire")).toEqual(["expire-orders"])
  expect(names("f=odd")).toHaveLength(tasks.length)
})
