import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Effect, type Layer, ManagedRuntime, Schema } from "effect"
import type { Endpoint } from "../../../src/domain/Endpoint.ts"
import { specDefaults } from "../../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { AuditRepo } from "../../../src/manager/store/AuditRepo.ts"
import { type Client, ClientsRepo } from "../../../src/manager/store/ClientsRepo.ts"
import { Database } from "../../../src/manager/store/Database.ts"
import { DeliveriesRepo, type Outcome } from "../../../src/manager/store/DeliveriesRepo.ts"
import { JoinTokensRepo } from "../../../src/manager/store/JoinTokensRepo.ts"
import { ListsRepo } from "../../../src/manager/store/ListsRepo.ts"
import { NodesRepo } from "../../../src/manager/store/NodesRepo.ts"
import { ProcessSpecsRepo } from "../../../src/manager/store/ProcessSpecsRepo.ts"
import { ServicesRepo } from "../../../src/manager/store/ServicesRepo.ts"
import { SettingsRepo } from "../../../src/manager/store/SettingsRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { newId } from "../../../src/platform/Ids.ts"
import { engines, removeFresh, startMs } from "./engines.ts"

type Store = Layer.Success<ReturnType<typeof storeLayer>>

const fields = (name: string) => ({ name: ServiceName.make(name), description: "日本語 🚀", tls: "auto" as const })
const endpoint = (ip: string, status: Endpoint["status"] = "online"): Endpoint => ({
  ip,
  port: 80,
  weight: 100,
  status,
})
const spec = {
  ...specDefaults,
  kind: "module" as const,
  module: "/srv/a.ts",
  workers: 2,
  env: { GREETING: "你好" },
  tls: "auto" as const,
  drainTimeoutMs: 30_000,
  rpc: defaultRpcSettings,
}

const acked = (client: Client, nodeId: string, revision: number, tookMs: number | null): Outcome => {
  return { clientId: client.id, serviceId: client.serviceId, nodeId, at: 7, revision, tookMs, error: null }
}
const failed = (client: Client, nodeId: string, error: string): Outcome => {
  return { clientId: client.id, serviceId: client.serviceId, nodeId, at: 7, revision: null, tookMs: null, error }
}

afterAll(removeFresh)

describe.each(engines)("the store on $name", ({ fresh }) => {
  let runtime: ManagedRuntime.ManagedRuntime<Store, unknown>
  beforeAll(async () => void (runtime = ManagedRuntime.make(storeLayer(await fresh()))), startMs)
  afterAll(() => runtime.dispose())

  const it = <E>(name: string, effect: Effect.Effect<void, E, Store>) => test(name, () => runtime.runPromise(effect))

  const create = Effect.fnUntraced(function* (name: string) {
    return yield* (yield* ServicesRepo).create(fields(name), "ann")
  })
  const join = Effect.fnUntraced(function* (name: string, ip: string, serial = name) {
    const node = { id: newId(), name, ip, port: 8821, certificateSerial: serial, version: null }
    return yield* (yield* NodesRepo).add(node)
  })

  it(
    "has node_manager from the start, which can't be removed",
    Effect.gen(function* () {
      const services = yield* ServicesRepo
      const first = (yield* services.list)[0]!
      expect(first).toMatchObject({ name: "node_manager", kernel: true, createdBy: "muster" })
      expect((yield* Effect.flip(services.remove(first.id, "ann")))._tag).toBe("NotFound")
    }),
  )

  it(
    "keeps a service as it was given, by id and by name, and lists it after node_manager",
    Effect.gen(function* () {
      const services = yield* ServicesRepo
      const zebra = yield* create("Zebra")
      const ant = yield* create("Ant")
      expect(zebra).toMatchObject({ ...fields("Zebra"), kernel: false, createdBy: "ann", modifiedBy: "ann" })
      expect(yield* services.get(zebra.id)).toEqual(zebra)
      expect(yield* services.byName("Zebra")).toEqual(zebra)
      expect((yield* services.list).map(({ id }) => id).slice(1)).toEqual([ant.id, zebra.id])
    }),
  )

  it(
    "tells names apart by case, refuses one twice, and frees that of a deleted service",
    Effect.gen(function* () {
      const services = yield* ServicesRepo
      const first = yield* create("Orders")
      yield* create("orders")
      const error = yield* Effect.flip(create("Orders"))
      expect(error).toMatchObject({ _tag: "Conflict", field: "name", value: "Orders" })
      yield* services.remove(first.id, "bob")
      const second = yield* create("Orders")
      expect(second.id).not.toBe(first.id)
      expect((yield* Effect.flip(services.get(first.id)))._tag).toBe("NotFound")
      expect((yield* Effect.flip(services.update(first.id, fields("Orders"), "bob")))._tag).toBe("NotFound")
      expect((yield* Effect.flip(services.update(second.id, fields("orders"), "bob")))._tag).toBe("Conflict")
      const renamed = yield* services.update(second.id, { ...fields("Orders2"), tls: "off" }, "bob")
      expect(renamed).toMatchObject({ name: "Orders2", tls: "off", createdBy: "ann", modifiedBy: "bob" })
    }),
  )

  it(
    "releases revision after revision, each kept with who, and one of them released",
    Effect.gen(function* () {
      const lists = yield* ListsRepo
      const { id } = yield* create("Lists")
      expect(yield* lists.released(id)).toBeUndefined()
      const one = yield* lists.release(id, { endpoints: [endpoint("10.0.0.1")], tls: "auto", by: "ann" })
      const override = { by: "bob", reason: "moving" }
      const two = yield* lists.release(id, { endpoints: [], tls: "off", by: "bob", override })
      expect([one.revision, two.revision]).toEqual([1, 2])
      expect(two).toMatchObject({ overrideBy: "bob", overrideReason: "moving", releasedBy: "bob" })
      expect(yield* lists.released(id)).toEqual(two)
      expect(yield* lists.history(id, 10)).toEqual([two, one])
      expect((yield* lists.history(id, 1)).map((list) => list.revision)).toEqual([2])
      expect((yield* (yield* ServicesRepo).get(id)).modifiedBy).toBe("bob")
    }),
  )

  it(
    "refuses a release that began from another revision, and keeps the number for the next",
    Effect.gen(function* () {
      const lists = yield* ListsRepo
      const { id } = yield* create("Stale")
      const input = { endpoints: [endpoint("10.0.0.1")], tls: "auto" as const, by: "ann" }
      yield* lists.release(id, { ...input, base: 0 })
      const error = yield* Effect.flip(lists.release(id, { ...input, base: 0 }))
      expect(error).toMatchObject({ _tag: "Stale", baseRevision: 0, revision: 1, by: "ann" })
      expect((yield* lists.release(id, { ...input, base: 1 })).revision).toBe(2)
      yield* (yield* ServicesRepo).remove(id, "ann")
      expect((yield* Effect.flip(lists.release(id, input)))._tag).toBe("NotFound")
      expect((yield* lists.allReleased).some((list) => list.serviceId === id)).toBe(false)
    }),
  )

  it(
    "carries a draft along only when it is what is released",
    Effect.gen(function* () {
      const lists = yield* ListsRepo
      const { id } = yield* create("Drafts")
      const input = { endpoints: [endpoint("10.0.0.1")], tls: "auto" as const, by: "ann" }
      yield* lists.release(id, input)
      yield* lists.saveDraft(id, [endpoint("10.0.0.2")], "bob")
      yield* lists.release(id, { ...input, endpoints: [endpoint("10.0.0.1", "offline")] })
      yield* lists.saveDraft(id, [endpoint("10.0.0.3")], "bob")
      expect(yield* lists.draft(id)).toMatchObject({
        baseRevision: 1,
        endpoints: [endpoint("10.0.0.3")],
        createdBy: "bob",
      })
      expect((yield* lists.released(id))?.endpoints).toEqual([endpoint("10.0.0.1", "offline")])
      yield* lists.release(id, { ...input, endpoints: [endpoint("10.0.0.3")], dropDraft: true })
      expect(yield* lists.draft(id)).toBeUndefined()
      expect((yield* Effect.flip(lists.discardDraft(id)))._tag).toBe("NotFound")
      yield* lists.saveDraft(id, [], "bob")
      yield* lists.discardDraft(id)
      expect(yield* lists.draft(id)).toBeUndefined()
    }),
  )

  it(
    "adds clients all or none, and restores a removed one with its acks",
    Effect.gen(function* () {
      const clients = yield* ClientsRepo
      const { id } = yield* create("Clients")
      const node = yield* join("c-node", "10.1.0.1")
      const [one, two] = yield* clients.add(id, ["10.1.0.1", "10.1.0.2"], "ann")
      const error = yield* Effect.flip(clients.add(id, ["10.1.0.3", "10.1.0.2"], "ann"))
      expect(error).toMatchObject({ _tag: "Conflict", field: "ip", value: "10.1.0.2" })
      expect(yield* clients.of(id)).toEqual([one!, two!])
      yield* (yield* DeliveriesRepo).record([acked(one!, node.id, 3, 1.5)])
      yield* clients.remove(id, one!.id, "bob")
      expect((yield* Effect.flip(clients.remove(id, one!.id, "bob")))._tag).toBe("NotFound")
      expect([yield* clients.of(id), yield* clients.acksOf(id)]).toEqual([[two!], []])
      expect((yield* clients.add(id, ["10.1.0.1"], "ann"))[0]).toEqual(one!)
      expect(yield* clients.acksOf(id)).toMatchObject([{ clientId: one!.id, revision: 3, tookMs: 1.5, error: null }])
      yield* clients.remove(id, two!.id, "bob")
      expect(yield* clients.restore(id, two!.id)).toEqual(two!)
      expect((yield* Effect.flip(clients.restore(id, newId())))._tag).toBe("NotFound")
      expect((yield* Effect.flip(clients.add(newId(), ["10.1.0.9"], "ann")))._tag).toBe("NotFound")
      expect((yield* clients.all).filter((client) => client.serviceId === id)).toHaveLength(2)
    }),
  )

  it(
    "keeps the last ack of a node, the error since, and nothing of the node before it",
    Effect.gen(function* () {
      const { record } = yield* DeliveriesRepo
      const clients = yield* ClientsRepo
      const { id } = yield* create("Acks")
      const node = yield* join("a-node", "10.2.0.1")
      const [client] = yield* clients.add(id, ["10.2.0.1"], "ann")
      const only = clients.acksOf(id).pipe(Effect.map((acks) => acks[0]))
      yield* record([])
      yield* record([failed(client!, node.id, "connection refused")])
      expect(yield* only).toMatchObject({ revision: null, error: "connection refused" })
      yield* record([acked(client!, node.id, 1, 9), acked(client!, node.id, 2, 4)])
      expect(yield* only).toMatchObject({ revision: 2, ackedAt: 7, tookMs: 4, error: null, errorAt: null })
      yield* record([failed(client!, node.id, "timed out")])
      expect(yield* only).toMatchObject({ revision: 2, error: "timed out", errorAt: 7 })
      yield* record([acked(client!, node.id, 2, null)])
      expect(yield* only).toMatchObject({ revision: 2, tookMs: 4, error: null })
      yield* (yield* NodesRepo).revoke(node.id, "ann")
      const next = yield* join("a-node", "10.2.0.1", "a-next")
      yield* record([failed(client!, next.id, "no disk")])
      expect(yield* only).toMatchObject({ nodeId: next.id, revision: null, ackedAt: null, error: "no disk" })
      yield* record([acked(client!, next.id, 1, 1)])
      expect(yield* only).toMatchObject({ nodeId: next.id, revision: 1, error: null })
      expect((yield* clients.allAcks).filter((ack) => ack.serviceId === id)).toHaveLength(1)
    }),
  )

  it(
    "knows what was pushed to whom, and takes a push back",
    Effect.gen(function* () {
      const deliveries = yield* DeliveriesRepo
      const lists = yield* ListsRepo
      const clients = yield* ClientsRepo
      const { id } = yield* create("Pushed")
      const list = yield* lists.release(id, { endpoints: [endpoint("10.6.0.9")], tls: "auto", by: "ann" })
      const [one, two] = yield* clients.add(id, ["10.6.0.1", "10.6.0.2"], "ann")
      const due = (ip: string) =>
        deliveries.dueAt(ip).pipe(Effect.map((found) => found.map((due) => due.pushedRevision)))
      expect(yield* due("10.6.0.1")).toEqual([null])
      expect(yield* deliveries.pushedOnce(id)).toBe(false)
      expect((yield* deliveries.push(id, [], 1)).size).toBe(0)
      expect(yield* deliveries.push(id, [one!.id], 1)).toEqual(new Map([[one!.id, null]]))
      const before = yield* deliveries.push(id, "all", 2)
      expect(before).toEqual(
        new Map([
          [one!.id, 1],
          [two!.id, null],
        ]),
      )
      expect(yield* Effect.all([due("10.6.0.1"), due("10.6.0.2")])).toEqual([[2], [2]])
      yield* deliveries.push(id, [one!.id], 3)
      yield* deliveries.unpush(before, 2)
      expect(yield* Effect.all([due("10.6.0.1"), due("10.6.0.2")])).toEqual([[3], [null]])
      yield* deliveries.unpush(new Map([[one!.id, 1]]), 3)
      expect(yield* due("10.6.0.1")).toEqual([1])
      expect(yield* deliveries.pushedOnce(id)).toBe(true)
      expect(yield* deliveries.revision(id, 1)).toMatchObject({ ...list, service: "Pushed" })
      expect(yield* deliveries.revision(id, 2)).toBeUndefined()
      yield* clients.remove(id, one!.id, "ann")
      expect([yield* due("10.6.0.1"), yield* deliveries.removedAt("10.6.0.1")]).toEqual([[], ["Pushed"]])
      yield* (yield* ServicesRepo).remove(id, "ann")
      expect([yield* due("10.6.0.2"), yield* deliveries.removedAt("10.6.0.2")]).toEqual([[], ["Pushed"]])
    }),
  )

  it(
    "goes on with the numbers of a deleted service when another gets its name",
    Effect.gen(function* () {
      const lists = yield* ListsRepo
      const input = { endpoints: [], tls: "auto" as const, by: "ann" }
      const first = yield* create("Again")
      yield* lists.release(first.id, input)
      yield* lists.release(first.id, input)
      yield* (yield* ServicesRepo).remove(first.id, "ann")
      const second = yield* create("Again")
      yield* (yield* DeliveriesRepo).continueNumbers(second.id, "Again")
      expect((yield* lists.release(second.id, input)).revision).toBe(3)
    }),
  )

  it(
    "keeps a process spec under its service's present name, with a revision that outlives its removal",
    Effect.gen(function* () {
      const specs = yield* ProcessSpecsRepo
      const { id } = yield* create("Specs")
      expect(yield* specs.get(id)).toBeUndefined()
      expect(yield* specs.set(id, spec, "ann")).toBe(1)
      expect(yield* specs.get(id)).toMatchObject({ revision: 1, spec: { ...spec, service: "Specs" } })
      yield* (yield* ServicesRepo).update(id, fields("Specs2"), "ann")
      expect((yield* specs.get(id))?.spec.service).toBe(ServiceName.make("Specs2"))
      expect([yield* specs.remove(id), yield* specs.remove(id)]).toEqual([true, false])
      expect(yield* specs.set(id, { ...spec, workers: 1 }, "bob")).toBe(2)
      expect((yield* specs.all).filter((stored) => stored.serviceId === id)).toMatchObject([{ modifiedBy: "bob" }])
      expect((yield* Effect.flip(specs.set(newId(), spec, "ann")))._tag).toBe("NotFound")
    }),
  )

  it(
    "lets one node in at an address, and the next when that one is revoked",
    Effect.gen(function* () {
      const nodes = yield* NodesRepo
      const before = yield* nodes.trust
      const node = yield* join("n1", "10.3.0.1", "aa01")
      expect(yield* Effect.flip(join("n2", "10.3.0.1"))).toMatchObject({ _tag: "Conflict", value: "10.3.0.1" })
      yield* nodes.seen(node.id, "1.2.3")
      expect((yield* nodes.get(node.id)).version).toBe("1.2.3")
      expect((yield* Effect.flip(nodes.forget(node.id)))._tag).toBe("NotFound")
      yield* nodes.revoke(node.id, "ann")
      expect((yield* Effect.flip(nodes.revoke(node.id, "ann")))._tag).toBe("NotFound")
      const trust = yield* nodes.trust
      expect(trust.revision).toBe(before.revision + 1)
      expect(trust.revoked).toContain("aa01")
      const next = yield* join("n1", "10.3.0.1", "aa02")
      expect((yield* nodes.active).filter(({ name }) => name === "n1").map(({ id }) => id)).toEqual([next.id])
      expect((yield* nodes.list).filter(({ name }) => name === "n1")).toHaveLength(2)
      yield* nodes.forget(node.id)
      expect((yield* nodes.list).filter(({ name }) => name === "n1")).toEqual([next])
      expect((yield* nodes.trust).revoked).toContain("aa01")
    }),
  )

  it(
    "refuses the former certificate of a node that joined again, and no other",
    Effect.gen(function* () {
      const nodes = yield* NodesRepo
      const node = yield* join("re", "10.7.0.1", "bb01")
      const { revision } = yield* nodes.trust
      yield* nodes.renew({ ...node, certificateSerial: "bb02", port: 9000, version: "2" })
      expect(yield* nodes.get(node.id)).toMatchObject({ certificateSerial: "bb02", port: 9000, revokedAt: null })
      expect((yield* nodes.list).filter(({ name }) => name === "re").map(({ id }) => id)).toEqual([node.id])
      const trust = yield* nodes.trust
      expect(trust.revision).toBe(revision + 1)
      expect(["bb01", "bb02"].map((serial) => trust.revoked.includes(serial))).toEqual([true, false])
    }),
  )

  it(
    "gives what a node has to run a new revision exactly when it is another",
    Effect.gen(function* () {
      const nodes = yield* NodesRepo
      const { id } = yield* join("as", "10.4.0.1")
      const revisions = yield* Effect.forEach(["a", "a", "b", "b", "a"], (digest) => nodes.assignment(id, digest))
      expect(revisions).toEqual([1, 1, 2, 2, 3])
    }),
  )

  it(
    "lets a one-time token in once, also when two come at the same time",
    Effect.gen(function* () {
      const tokens = yield* JoinTokensRepo
      const node = yield* join("t1", "10.5.0.1")
      const other = yield* join("t2", "10.5.0.2")
      const far = 4_000_000_000_000
      const make = (kind: "once" | "many", expiresAt: number) =>
        tokens.create({ id: newId(), secretHash: "ab", kind, expiresAt }, "ann")
      const reason = (id: string, by = node.id) =>
        Effect.flip(tokens.use(id, by)).pipe(Effect.map((error) => error.reason))
      const once = yield* make("once", far)
      const both = yield* Effect.all(
        [node, other].map(({ id }) => Effect.exit(tokens.use(once.id, id))),
        {
          concurrency: "unbounded",
        },
      )
      expect(both.map((exit) => exit._tag).toSorted()).toEqual(["Failure", "Success"])
      const [first, second] = both[0]?._tag === "Success" ? [node, other] : [other, node]
      expect(yield* reason(once.id, second.id)).toBe("used")
      // Its answer may not have come to who was let in.
      yield* tokens.use(once.id, first.id)
      expect(yield* reason(newId())).toBe("unknown")
      expect(yield* reason((yield* make("many", 1)).id)).toBe("expired")
      const many = yield* make("many", far)
      yield* tokens.use(many.id, node.id)
      yield* tokens.use(many.id, node.id)
      yield* tokens.revoke(many.id)
      expect(yield* reason(many.id)).toBe("revoked")
      expect((yield* Effect.flip(tokens.revoke(many.id)))._tag).toBe("NotFound")
      expect(yield* tokens.find(many.id)).toMatchObject({ kind: "many", usedByNode: node.id, createdBy: "ann" })
      expect(yield* tokens.list).toHaveLength(3)
    }),
  )

  it(
    "keeps settings, and the newest of the audit first",
    Effect.gen(function* () {
      const settings = yield* SettingsRepo
      const audit = yield* AuditRepo
      expect(yield* settings.get("a")).toBeUndefined()
      yield* settings.set("a", "1")
      yield* settings.set("a", "2")
      expect(yield* settings.get("a")).toBe("2")
      yield* audit.add({ who: "ann", what: "service.create", object: "service:1", detail: { name: "é", n: [1] } })
      yield* audit.add({ who: "bob", what: "service.remove", object: "service:1", detail: {} })
      expect(yield* audit.newest(2)).toMatchObject([
        { who: "bob", detail: {} },
        { who: "ann", what: "service.create", detail: { name: "é", n: [1] } },
      ])
    }),
  )

  it(
    "refuses what no row may refer to",
    Effect.gen(function* () {
      const database = yield* Database
      const orphan = database.query((db) =>
        db
          .insertInto("process_revision")
          .values({ service_id: newId(), revision: 1, spec: "{}", created_at: 0, created_by: "" })
          .execute(),
      )
      expect((yield* Effect.flip(orphan)).kind).toBe("query")
    }),
  )

  it(
    "takes a row that nobody of its own can have written for a defect",
    Effect.gen(function* () {
      const { id } = yield* create("Broken")
      const specs = yield* ProcessSpecsRepo
      yield* specs.set(id, spec, "ann")
      yield* (yield* Database).run((db) =>
        db.updateTable("process_revision").set({ spec: "{" }).where("service_id", "=", id).execute(),
      )
      const exit = yield* Effect.exit(specs.get(id))
      expect(exit._tag === "Failure" && exit.cause.reasons.map((reason) => reason._tag)).toEqual(["Die"])
      expect(
        Schema.isSchemaError(
          exit._tag === "Failure" && exit.cause.reasons[0]?._tag === "Die" ? exit.cause.reasons[0].defect : undefined,
        ),
      ).toBe(true)
      yield* specs.remove(id)
    }),
  )
})
