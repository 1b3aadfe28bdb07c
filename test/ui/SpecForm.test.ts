import { describe, expect, test } from "bun:test"
import { Effect, Schema } from "effect"
import { NamelessSpec } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../src/domain/RpcSettings.ts"
import { rpcSettingNames, rpcSettings } from "../../src/domain/Setting.ts"
import { readSpec } from "../../src/manager/http/SpecInput.ts"
import { parseSetting, settingGroups, settingText, type SettingTexts } from "../../ui/forms/SettingText.ts"
import { emptySpecs } from "../../ui/forms/process/SpecFields.ts"
import {
  ofKind,
  openSpecForm,
  placed,
  readSpecForm,
  rpcPrefix,
  specDraft,
  specErrorCount,
  toForm,
  toJson,
} from "../../ui/forms/process/SpecForm.ts"
import type { SpecFormValues } from "../../ui/ProcessModels.ts"
import { service } from "../support/galleryFixtures.ts"

type Read = { readonly spec: NamelessSpec | undefined; readonly fields: Readonly<Record<string, string>> }

/** What the form means, as its schema reads it; or what is wrong, by field. */
const check = (values: SpecFormValues) => {
  const { draft, errors } = specDraft(values)
  const read = Effect.runSync(
    readSpec(draft).pipe(
      Effect.map((spec): Read => ({ spec, fields: {} })),
      Effect.catch(({ fields }) => Effect.succeed<Read>({ spec: undefined, fields: placed(values, fields).fields })),
    ),
  )
  return { spec: read.spec, errors: { ...errors, fields: { ...read.fields, ...errors.fields } } }
}

/** As a browser sends what the form shows. */
const posted = ({ json, kind, legacy, methodConcurrency, mode, rpc, texts }: SpecFormValues) => {
  const fields = new URLSearchParams({ kind, mode, json, methodConcurrency })
  for (const [path, text] of Object.entries(texts)) fields.append(path, text.replaceAll("\n", "\r\n"))
  for (const [name, text] of Object.entries(rpc)) fields.append(`${rpcPrefix}${name}`, text)
  if (legacy) fields.append("legacy", "on")
  return fields
}

const wanted = { desired: "running", desiredWas: "running" }
const decode = Schema.decodeUnknownSync(NamelessSpec)
const full = decode({
  kind: "command",
  command: { argv: ["/usr/bin/x", "--a b", ""] },
  instances: 3,
  cwd: "/srv",
  user: "www-data",
  group: "33",
  umask: "022",
  nice: -5,
  rlimits: { nofile: 65_536, core: "unlimited" },
  env: { URL: "mysql://a?b=c", EMPTY: "" },
  envFile: "/etc/x.env",
  stopSignal: "INT",
  reloadSignal: "HUP",
  startMs: 500,
  startTimeoutMs: 60_000,
  drainTimeoutMs: 1_500,
  maxRssBytes: 512 * 1024 ** 2,
  passSocket: true,
  nodes: ["10.0.0.1", "::1"],
  startOrder: 10,
  dependsOn: [{ service: "cache", condition: "ready" }],
  restart: "unexpected",
  successCodes: [0, 2],
  readiness: { kind: "http", path: "/health", port: 80, periodMs: 5_000 },
  liveness: { kind: "exec", command: { shell: "test -f /run/x" }, fall: 5 },
  run: { startRetries: 0, logMaxBytes: 1024 ** 3, logGzip: true },
})

describe("the form of a process spec", () => {
  test("reads back what it shows, of both kinds", () => {
    for (const spec of [full, emptySpecs.module, emptySpecs.command]) {
      const read = readSpecForm(posted(toForm(spec, wanted)))
      expect(check(read)).toEqual({ spec, errors: { fields: {} } })
    }
    const { values } = openSpecForm(service.process, [])
    const { service: _, ...own } = service.process!.spec
    expect(check(readSpecForm(posted(values))).spec).toEqual(own)
  })

  test("is the same spec as JSON, and back", () => {
    const json = toJson(toForm(full, wanted))
    expect(JSON.parse(json.json)).toMatchObject({ kind: "command", instances: 3, run: { startRetries: 0 } })
    expect(json.json).not.toContain("desired")
    expect(check(readSpecForm(posted(json))).spec).toEqual(full)
    const broken = check({ ...json, json: "{" })
    expect(Object.keys(broken.errors.fields)).toContain("json")
  })

  test("takes an empty field for what the spec has when it says nothing", () => {
    const values = toForm(emptySpecs.command, wanted)
    const texts = Object.fromEntries(
      Object.keys(values.texts).map((path) => [path, path === "command" ? "sleep 1" : ""]),
    )
    expect(check({ ...values, texts }).spec).toEqual({ ...emptySpecs.command, command: { shell: "sleep 1" } } as never)
  })

  test("says what is wrong, each at its field, also of what is in a field", () => {
    const { values } = openSpecForm(null, [])
    const wrong = (texts: Record<string, string>, kind: "module" | "command" = "module") => {
      const form = ofKind(values, kind)
      return check({ ...form, texts: { ...form.texts, ...texts } }).errors.fields
    }
    expect(wrong({})).toEqual({ module: "is required" })
    expect(wrong({ module: "main.ts", workers: "257", drainTimeoutMs: "30", env: "A=1\n\n2B=1" })).toEqual({
      module: 'must be the absolute path of a .ts or .js file on the node, not "main.ts"',
      workers: "must be a whole number from 0 to 256, not 257",
      drainTimeoutMs: "must be a time with its unit, such as 30 s",
      env: "line 3 must be NAME=value",
    })
    const command = { command: "x", instances: "many", nodes: "10.0.0.1\na b", dependsOn: "cache soon" }
    expect(wrong({ ...command, "readiness.kind": "http", successCodes: "0, 999" }, "command")).toEqual({
      instances: "must be a whole number",
      nodes: '1: must be an IPv4 address, an IPv6 address or a host name, not "a b"',
      dependsOn: "line 1 must be SERVICE started, ready or completed",
      successCodes: "1: must be 0 to 255, not 999",
      "readiness.path": "is required",
    })
  })

  test("of another kind keeps what both have", () => {
    const values = ofKind(toForm(full, wanted), "module")
    const { spec } = check({ ...values, texts: { ...values.texts, module: "/a.ts" } })
    expect(spec).toMatchObject({ kind: "module", env: full.env, startOrder: 10, readiness: { path: "/health" } })
  })

  test("keeps a chosen node beside those that were typed", () => {
    const fields = posted(toForm(full, wanted))
    fields.append("node", "10.0.0.7")
    const { spec } = check(readSpecForm(fields))
    expect(spec?.kind === "command" && spec.nodes.map(String)).toEqual(["10.0.0.7", "10.0.0.1", "::1"])
  })
})

describe("how a module answers calls", () => {
  const settings = (texts: Partial<SettingTexts>, rest: Partial<SpecFormValues> = {}) => {
    const { values } = openSpecForm(null, [])
    const all = { ...values.texts, module: "/a.ts" }
    return check({ ...values, texts: all, ...rest, rpc: { ...values.rpc, ...texts } })
  }
  const rpcOf = ({ spec }: ReturnType<typeof settings>) => (spec?.kind === "module" ? spec.rpc : undefined)

  test("takes sizes and times with their units, and an empty field for its default", () => {
    const found = settings({
      maxFrameBytes: "4mib",
      maxRssBytes: "1.5 GB",
      idleTimeoutMs: "5 min",
      slowCallMs: "0",
      maxConnections: "20,000",
      backlog: "",
    })
    expect(rpcOf(found)).toEqual({
      ...defaultRpcSettings,
      maxFrameBytes: 4 * 1024 ** 2,
      maxRssBytes: 1.5 * 1024 ** 3,
      idleTimeoutMs: 300_000,
      slowCallMs: 0,
      maxConnections: 20_000,
    })
  })

  test("says of each setting what is wrong with it, and counts them", () => {
    const { errors } = settings({
      maxFrameBytes: "1 KiB",
      idleTimeoutMs: "300",
      maxConnections: "many",
      taskWorkers: "1.5",
      taskTimeoutMs: "10 parsecs",
    })
    expect(errors.rpc).toEqual({
      maxFrameBytes: "range",
      idleTimeoutMs: "unit",
      maxConnections: "number",
      taskWorkers: "number",
      taskTimeoutMs: "unit",
    })
    expect(specErrorCount(errors)).toBe(5)
  })

  test("reads limits of methods by line", () => {
    const read = (methodConcurrency: string) => settings({}, { methodConcurrency })
    expect(rpcOf(read("Orders.create = 8\n\nreport=1"))?.methodConcurrency).toEqual({ "Orders.create": 8, report: 1 })
    for (const line of ["a.b.c=1", "report=0", "report=1000001", "report", "../x=1"])
      expect({ line, errors: read(`report=1\n${line}`).errors.methodConcurrency }).toEqual({
        line,
        errors: { line: 2 },
      })
  })

  test("has every setting of the table in one group, and shows each as it is read", () => {
    expect(Object.values(settingGroups).flat().toSorted()).toEqual([...rpcSettingNames].toSorted())
    for (const name of rpcSettingNames) {
      const setting = rpcSettings[name]
      for (const value of [setting.minimum, setting.default, setting.maximum])
        expect({ name, value: parseSetting(setting, settingText(setting, value)) }).toEqual({ name, value })
    }
  })
})
