import { describe, expect, test } from "bun:test"
import { Schema } from "effect"
import { CommandSpec, ModuleSpec, type ProcessSpec } from "../../src/domain/ProcessSpec.ts"
import { choose, compare, sideOf } from "../../ui/forms/Conflict.ts"
import { cronValues } from "../../ui/forms/CronFields.ts"
import { flatCron, settleCron } from "../../ui/forms/CronConflict.ts"
import { flatOf, settle, withSide } from "../../ui/forms/process/SpecConflict.ts"
import { toForm, toJson } from "../../ui/forms/process/SpecForm.ts"
import type { ProcessView } from "../../ui/ViewModels.ts"
import { report } from "../support/galleryCron.ts"
import { service } from "../support/galleryFixtures.ts"

const units = [["a"], ["b"], ["c", "d"]]
const before = { a: "1", b: "1", c: "1", d: "1" }

describe("two edits of one form", () => {
  test("differ where the other one changed something, and what I did not touch is taken over", () => {
    const { merged, rows } = compare(units, {
      before,
      theirs: { ...before, a: "2", d: "2" },
      mine: { ...before, a: "3", b: "3" },
    })
    expect(rows.map(({ unit }) => unit[0])).toEqual(["a", "c"])
    expect(merged).toEqual({ a: "3", b: "3", c: "1", d: "2" })
    expect(rows.map((row) => sideOf(row, merged))).toEqual(["mine", "theirs"])
    expect(choose(rows, "a", "theirs", merged)).toEqual({ a: "2", b: "3", c: "1", d: "2" })
    expect(choose(rows, undefined, "mine", merged)).toEqual({ a: "3", b: "3", c: "1", d: "1" })
    expect(sideOf(rows[0]!, { ...merged, a: "4" })).toBeUndefined()
  })

  test("that are the same by now differ in nothing", () => {
    const mine = { ...before, a: "2" }
    expect(compare(units, { before, theirs: mine, mine }).rows).toEqual([])
  })

  test("of which nobody knows where they began take nothing over", () => {
    const { merged, rows } = compare(units, { before: undefined, theirs: { ...before, b: "2" }, mine: before })
    expect({ rows: rows.length, merged }).toEqual({ rows: 1, merged: before })
  })
})

const command = (rest: object = {}) =>
  Schema.decodeUnknownSync(CommandSpec)({ kind: "command", service: "shop", command: { shell: "sleep 1" }, ...rest })

const stored = (spec: ProcessSpec): ProcessView => ({ ...service.process!, revision: 8, spec })
const wanted = { desired: "running", desiredWas: "running" }
const opened = flatOf(toForm(command(), wanted))

describe("a process spec that two people change", () => {
  const spec = command({ instances: 4, command: { argv: ["sleep", "2"] } })
  const theirs = command({
    instances: 6,
    drainTimeoutMs: 90_000,
    readiness: { kind: "tcp", port: 80 },
    desired: "stopped",
  })
  const values = toForm(spec, wanted)

  test("keeps what I changed, has what I did not, and lets me choose a field or a whole probe", () => {
    const settled = settle({ values, spec, opened }, stored(theirs), "ann")
    const { conflict, values: form } = settled
    expect(conflict?.rows.map(({ unit }) => unit[0])).toEqual(["instances", "drainTimeoutMs", "readiness.kind"])
    const { command: line, desired, drainTimeoutMs, instances, "readiness.port": port } = form.texts
    expect([line, desired, drainTimeoutMs, instances, port]).toEqual(["sleep\n2", "stopped", "90 s", "4", "80"])
    expect([form.desiredWas, settled.opened["instances"]]).toEqual(["stopped", "6"])
    const taken = withSide({ values: form }, conflict!, { name: "readiness.kind", side: "mine" })
    expect([taken.texts["readiness.kind"], taken.texts["readiness.port"], taken.texts["instances"]]).toEqual([
      "",
      "",
      "4",
    ])
    expect(withSide({ values: form }, conflict!, { side: "theirs" }).texts["instances"]).toBe("6")
  })

  test("does so as JSON too", () => {
    const { conflict, values: form } = settle({ values: toJson(values), spec, opened }, stored(theirs), "ann")
    expect(form.mode).toBe("json")
    expect(JSON.parse(form.json)).toMatchObject({ instances: 4, drainTimeoutMs: 90_000, readiness: { port: 80 } })
    const meant = command(JSON.parse(form.json) as object)
    const taken = withSide({ values: form, spec: meant }, conflict!, { name: "instances", side: "theirs" })
    expect(JSON.parse(taken.json)).toMatchObject({ instances: 6, command: { argv: ["sleep", "2"] } })
    expect(taken.texts["desired"]).toBe(form.texts["desired"] ?? "")
  })

  test("that is of another kind by now is one or the other", () => {
    const module = Schema.decodeUnknownSync(ModuleSpec)({ kind: "module", service: "shop", module: "/a.ts" })
    const { conflict, values: form } = settle({ values, spec, opened }, stored(module), "ann")
    expect(conflict?.rows.map(({ unit }) => unit[0])).toEqual(["kind"])
    expect(form.kind).toBe("command")
    const taken = withSide({ values: form }, conflict!, { name: "kind", side: "theirs" })
    expect([taken.kind, taken.texts["module"]]).toEqual(["module", "/a.ts"])
  })
})

test("a cron task that two people change is chosen from by what it does, and when", () => {
  const values = cronValues(report)
  const mine = { ...values, shell: "./mine", argv: "left from another kind", timeout: "2 h" }
  const theirs = { ...values, kind: "method" as const, service: "shop", method: "expire", shell: "", enabled: false }
  const settled = settleCron(mine, flatCron(values), { values: theirs, revision: 4, by: "ann" })
  expect(settled.conflict.rows.map(({ unit }) => unit[0])).toContain("kind")
  expect(settled.conflict.rows.map(({ unit }) => unit[0])).not.toContain("timeout")
  expect(settled.values).toMatchObject({ kind: "shell", shell: "./mine", timeout: "2 h", enabled: false })
  expect(choose(settled.conflict.rows, "kind", "theirs", flatCron(settled.values))).toMatchObject({
    kind: "method",
    method: "expire",
  })
})
