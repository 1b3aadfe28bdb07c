import { describe, expect, test } from "bun:test"
import { checkClients } from "../../ui/forms/ClientFields.ts"
import {
  checkServiceForm,
  editEndpoints,
  errorCount,
  openServiceForm,
  readServiceForm,
} from "../../ui/forms/ServiceFields.ts"
import { readTokenForm } from "../../ui/forms/TokenFields.ts"
import { filterClients, filterNodes, filterServices, readClientsQuery, readServicesQuery } from "../../ui/Lists.ts"
import { service, services } from "../support/galleryFixtures.ts"
import { nodes } from "../support/galleryFleet.ts"

const fields = (...pairs: ReadonlyArray<readonly [string, string]>) =>
  new URLSearchParams(pairs.map((pair) => [...pair]))

const rowsForm = (...rows: ReadonlyArray<readonly [string, string, string, string]>) =>
  readServiceForm(
    fields(
      ["name", "greeter"],
      ["mode", "rows"],
      ...rows.flatMap(([ip, port, status, weight]) => [
        ["ip", ip] as const,
        ["port", port] as const,
        ["status", status] as const,
        ["weight", weight] as const,
      ]),
    ),
  )
const jsonForm = (json: string) => readServiceForm(fields(["name", "greeter"], ["mode", "json"], ["json", json]))

describe("the service form", () => {
  test("means the endpoints of its rows", () => {
    const values = rowsForm(["127.0.0.1", "9501", "online", "100"], [" ::1 ", " 9502 ", "offline", "0"])
    expect(checkServiceForm(values).fields).toEqual({
      name: "greeter",
      description: "",
      tls: "auto",
      baseRevision: 0,
      override: false,
      endpoints: [
        { ip: "127.0.0.1", port: 9501, weight: 100, status: "online" },
        { ip: "::1", port: 9502, weight: 0, status: "offline" },
      ],
    })
  })

  test("says what is wrong by row and field", () => {
    const { errors } = checkServiceForm(
      rowsForm(
        ["10.0.0", "0", "online", "101"],
        ["10.0.0.1", "9501", "online", "1"],
        ["10.0.0.1", "9501", "online", "1.5"],
      ),
    )
    expect(errors).toEqual({
      rows: { 0: { ip: "address", port: "port", weight: "weight" }, 2: { ip: "twice", weight: "weight" } },
    })
    expect(errorCount(errors!)).toBe(5)
  })

  test("takes an empty row at the end for no endpoint, and one in between for a mistake", () => {
    expect(checkServiceForm(rowsForm(["", "", "online", "100"])).fields?.endpoints).toEqual([])
    const { errors } = checkServiceForm(rowsForm(["", "", "online", "100"], ["10.0.0.1", "1", "online", "100"]))
    expect(errors?.rows?.[0]?.ip).toBe("address")
  })

  test("says where JSON is wrong, and keeps its text", () => {
    expect(checkServiceForm(jsonForm("[{")).errors?.json?.kind).toBe("syntax")
    expect(checkServiceForm(jsonForm('{"ip": 1}')).errors?.json).toEqual({ kind: "shape" })
    expect(checkServiceForm(jsonForm('[{"ip":"10.0.0.1","port":"1","status":"up","wait":1}]')).errors?.json).toEqual({
      kind: "items",
      problems: [
        { index: 0, field: "port", kind: "type" },
        { index: 0, field: "status", kind: "status" },
        { index: 0, field: "weight", kind: "missing" },
        { index: 0, field: "wait", kind: "unknown" },
      ],
    })
    expect(
      checkServiceForm(jsonForm('[{"ip":"10.0.0.1","port":0,"status":"online","weight":1}]')).errors?.json,
    ).toEqual({
      kind: "items",
      problems: [{ index: 0, field: "port", kind: "port" }],
    })
  })

  test("goes from rows to JSON and back without loss", () => {
    const values = rowsForm(["10.0.0.1", "9501", "online", "100"], ["db.local", "95010", "offline", "x"])
    const json = editEndpoints(values, fields(["to", "json"])).values
    expect(json.json).toBe(
      '[\n  { "ip": "10.0.0.1", "port": 9501, "status": "online", "weight": 100 },\n' +
        '  { "ip": "db.local", "port": 95010, "status": "offline", "weight": "x" }\n]',
    )
    const back = editEndpoints({ ...json, json: json.json.replace('"x"', "7") }, fields(["to", "rows"])).values
    expect(back.mode).toBe("rows")
    expect(back.rows).toEqual([values.rows[0]!, { ...values.rows[1]!, weight: "7" }])
  })

  test("stays JSON with its error when it can't be shown as rows", () => {
    const { values, errors } = editEndpoints(jsonForm("[{]"), fields(["to", "rows"]))
    expect(values.mode).toBe("json")
    expect(values.json).toBe("[{]")
    expect(errors.json?.kind).toBe("syntax")
  })

  test("adds and removes rows, formats, and shows an example that is right", () => {
    const values = rowsForm(["10.0.0.1", "9501", "online", "100"], ["10.0.0.2", "9501", "online", "100"])
    expect(editEndpoints(values, fields(["remove", "0"])).values.rows.map(({ ip }) => ip)).toEqual(["10.0.0.2"])
    const added = editEndpoints(values, fields(["add", "1"])).values.rows
    expect(added[2]).toEqual({ ip: "", port: "9501", weight: "100", status: "online" })
    const dense = jsonForm('[{"weight":1,"ip":"10.0.0.1","status":"online","port":1}]')
    expect(editEndpoints(dense, fields(["format", "1"])).values.json).toBe(
      '[\n  { "ip": "10.0.0.1", "port": 1, "status": "online", "weight": 1 }\n]',
    )
    expect(checkServiceForm(editEndpoints(dense, fields(["demo", "1"])).values).fields?.endpoints.length).toBe(3)
  })

  test("opens with the released list, or with the draft", () => {
    expect(openServiceForm(service).values.rows.length).toBe(8)
    const draft = [{ ip: "10.0.0.9", port: 1, weight: 1, status: "online" as const }]
    expect(openServiceForm({ ...service, draft }).values.rows.map(({ ip }) => ip)).toEqual(["10.0.0.9"])
    expect(openServiceForm(service).values.baseRevision).toBe(128)
  })

  test("refuses names that would not be safe as a file", () => {
    const named = (name: string) => checkServiceForm({ ...rowsForm(), name }).errors?.name
    expect(["", "1a", "a b", "../x", "a".repeat(64)].map(named)).toEqual(Array.from({ length: 5 }, () => "syntax"))
    expect(named("order-center_v1.2")).toBeUndefined()
  })
})

describe("the add-clients form", () => {
  test("takes addresses by line, comma or space, and the chosen nodes", () => {
    const form = fields(["ips", "10.0.0.1, 10.0.0.2\r\n::1 db.local"], ["ip", "10.0.0.7"])
    expect(checkClients(form, []).ips).toEqual(["10.0.0.1", "10.0.0.2", "::1", "db.local", "10.0.0.7"])
  })

  test("names the first address that is wrong, there twice, or known", () => {
    expect(checkClients(fields(["ips", " "]), []).error).toEqual({ kind: "empty" })
    expect(checkClients(fields(["ips", "10.0.0.300"]), []).error).toEqual({ kind: "address", ip: "10.0.0.300" })
    expect(checkClients(fields(["ips", "::1"], ["ip", "::1"]), []).error).toEqual({ kind: "twice", ip: "::1" })
    expect(checkClients(fields(["ips", "::1"]), ["::1"]).error).toEqual({ kind: "known", ip: "::1" })
  })
})

test("a token form that says nothing sensible makes the careful token", () => {
  expect(readTokenForm(fields(["kind", "forever"], ["hours", "-1"]))).toEqual({ kind: "once", ttlMs: 3_600_000 })
  expect(readTokenForm(fields(["kind", "many"], ["hours", "168"]))).toEqual({ kind: "many", ttlMs: 604_800_000 })
})

describe("lists", () => {
  test("are filtered by state and searched without regard to case", () => {
    expect(readServicesQuery(fields(["f", "nothing"], ["q", " A "]))).toEqual({ filter: "all", search: "A" })
    expect(filterServices(services, { filter: "degraded", search: "ORDER" }).map(({ name }) => name)).toEqual([
      "order-center",
    ])
    expect(filterNodes(nodes, { filter: "away", search: "" }).map(({ name }) => name)).toEqual(["node-16", "node-17"])
  })

  test("count a client once: current, failed or behind", () => {
    const of = (filter: "behind" | "failed" | "away") =>
      filterClients(service.clientsList, service.revision, readClientsQuery(fields(["f", filter]))).map(({ ip }) => ip)
    expect(of("failed")).toEqual(["10.20.40.26"])
    expect(of("behind").length).toBe(6)
    expect(of("behind")).not.toContain("10.20.40.26")
    expect(of("away").length).toBe(4)
  })
})
