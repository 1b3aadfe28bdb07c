import { expect, test } from "bun:test"
import { readLogText } from "../../src/domain/LogText.ts"

const time = "2026-11-22T23:01:05.668Z"
const base = { at: Date.parse(time), pid: 4711, worker: "0", fields: [], trace: undefined }

test("a line of a worker is read: time, level, worker, process, message, fields and trace", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
  expect(readLogText(`${time} INFO  [0 4711] resized  trace=${trace} width=640 by="a person" to={"a":1}`)).toEqual({
    ...base,
    level: "INFO",
    message: "resized",
    fields: [
      ["trace", trace],
      ["width", "640"],
      ["by", "a person"],
      ["to", '{"a":1}'],
    ],
    trace,
  })
})

test.each([
  [`${time} WARN  [tasks/3 4711] late`, { ...base, level: "WARN", worker: "tasks/3", message: "late" }],
  [`${time} ERROR [0 4711] two  blanks = no field`, { ...base, level: "ERROR", message: "two  blanks = no field" }],
  [`${time} DEBUG [0 4711] `, { ...base, level: "DEBUG", message: "" }],
  [`${time} INFO  [0 4711] said "a=b"`, { ...base, level: "INFO", message: 'said "a=b"' }],
  [
    `${time} WARN  [agent] 17 bytes were dropped`,
    { ...base, level: "WARN", worker: "agent", pid: undefined, message: "17 bytes were dropped" },
  ],
] as const)("%s", (line, expected) => {
  expect(readLogText(line)).toEqual(expected as never)
})

test.each(["hello", "", "    at somewhere (main.ts:1)", `${time} hello`, `${time} LOUD  [0 1] hello`])(
  "%s is of another form",
  (line) => {
    expect(readLogText(line)).toBeUndefined()
  },
)

test("a hostile line does not hold anybody up", () => {
  const line = `${time} INFO  [0 1] x  ${'a="\\'.repeat(20_000)}`
  const from = performance.now()
  readLogText(line)
  readLogText(`${time} INFO  [0 1] x  ${"a=b ".repeat(20_000)}`)
  readLogText(`${time} INFO  [0 1] ${"  a=b".repeat(20_000)} `)
  expect(performance.now() - from).toBeLessThan(2_000)
})
