import { describe, expect, test } from "bun:test"
import { checkCronForm, cronErrorCount, cronValues, newCron, readCronForm } from "../../ui/forms/CronFields.ts"
import type { CronFormValues } from "../../ui/CronModels.ts"
import { filterCron, readCronQuery } from "../../ui/Lists.ts"
import { zhCN } from "../../ui/messages/zh-CN.ts"
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
    expect(errorsOf({ expression: "61 * * * *" }).expression?.message).toContain('"61"')
    // In Chinese too it says which field, what was written, and what can be.
    const inChinese = (expression: string) => {
      const fault = errorsOf({ expression }).expression
      return fault === undefined ? "" : zhCN.cron.form.expressionWrong(fault)
    }
    expect(inChinese("61 * * * *")).toBe("分（0 到 59）不能是“61”；可写列表 1,5、范围 1-5 和步长 */5")
    expect(inChinese("* * * * mon-x")).toContain("星期（0 到 7，0 和 7 都是星期日，或 sun 到 sat）不能是“mon-x”")
    expect(inChinese("0 0 * *")).toContain("不是 5 个字段")
    expect(inChinese("@reboot")).toContain("请改为服务")
    expect(inChinese("@noon")).toContain("不认识“@noon”")
    expect(inChinese("0 0 31 2 *")).toContain("“31 2”的日期不存在")
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
