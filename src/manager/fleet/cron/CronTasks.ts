import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { CronTask } from "../../../domain/Cron.ts"
import type { CronTaskView } from "../../../domain/CronView.ts"
import { Address } from "../../../domain/Endpoint.ts"
import { AuditRepo } from "../../store/AuditRepo.ts"
import { ClientsRepo } from "../../store/ClientsRepo.ts"
import { type CronFields, CronTasksRepo, type StoredCron } from "../../store/CronTasksRepo.ts"
import { Database } from "../../store/Database.ts"
import { NodesRepo } from "../../store/NodesRepo.ts"
import { Changes } from "../Changes.ts"
import { Desired } from "../Desired.ts"
import { Conflict, CronChanged, NotFound } from "../Errors.ts"
import type { CronInput } from "../Inputs.ts"
import { Sessions } from "../Sessions.ts"
import { cronView, type Nodes } from "./CronViews.ts"

const isAddress = Schema.is(Address)
const encodeTask = Schema.encodeUnknownEffect(CronTask)

const make = Effect.gen(function* () {
  const audit = yield* AuditRepo
  const changes = yield* Changes
  const clients = yield* ClientsRepo
  const database = yield* Database
  const desired = yield* Desired
  const nodes = yield* NodesRepo
  const repo = yield* CronTasksRepo
  const sessions = yield* Sessions

  const known = Effect.map(nodes.list, (all): Nodes => {
    const names = new Map(all.map(({ id, name }) => [id, name]))
    return { at: sessions.at, get: sessions.get, name: (id) => names.get(id) ?? id }
  })

  /** Which service a task calls that its node could not find. */
  const lacking = Effect.fnUntraced(function* (tasks: ReadonlyArray<StoredCron>) {
    if (tasks.every(({ task }) => task.action.kind !== "method")) return () => null
    const { services } = yield* desired.index
    const places = new Set((yield* clients.all).map(({ ip, serviceId }) => `${serviceId} ${ip}`))
    return ({ ip, task: { action } }: StoredCron): CronTaskView["lacks"] => {
      if (action.kind !== "method") return null
      const service = services.find(({ name }) => name === action.service)
      if (service === undefined) return { what: "service", service: action.service, serviceId: null }
      const isThere = places.has(`${service.id} ${ip}`)
      return isThere ? null : { what: "client", service: action.service, serviceId: service.id }
    }
  })

  const view = Effect.fnUntraced(function* (tasks: ReadonlyArray<StoredCron>) {
    const now = yield* Clock.currentTimeMillis
    const there = yield* known
    const lacks = yield* lacking(tasks)
    return tasks.map((task) => cronView(task, there, now, lacks(task)))
  })
  const viewOne = (task: StoredCron) => Effect.map(view([task]), ([one]) => one as CronTaskView)

  /** The address of the node that is meant: by its name or id, or the address itself, of a node that may join later. */
  const addressOf = Effect.fnUntraced(function* (node: string) {
    const found = (yield* nodes.active).filter(({ id, ip, name }) => [id, ip, name].includes(node))
    const ips = new Set(found.map(({ ip }) => ip))
    const [ip] = ips
    if (ips.size > 1)
      return yield* new Conflict({
        field: "node",
        value: node,
        reason: `Several nodes are named ${node}: say the address of the one that is meant`,
      })
    if (ip !== undefined) return ip
    return isAddress(node) ? node : yield* new NotFound({ what: "node", id: node })
  })

  const fieldsOf = Effect.fnUntraced(function* ({ node, ...task }: CronInput) {
    return { ...task, ip: yield* addressOf(node) } satisfies CronFields
  })

  const note = (what: string, id: string, by: string, detail: Parameters<typeof audit.add>[0]["detail"]) =>
    audit.add({ who: by, what: `cron.${what}`, object: `cron:${id}`, detail })

  /** Its node, and the one that has it, compare at once; open pages are told. */
  const followed = Effect.fnUntraced(function* (...states: ReadonlyArray<StoredCron>) {
    const ips = states.flatMap(({ heldBy, ip }) => [ip, sessions.get(heldBy ?? "")?.node.ip ?? ip])
    for (const { id } of states) yield* changes.publish(`cron:${id}`)
    yield* changes.publish("cron")
    yield* sessions.wakeCron(ips)
  })

  const create = Effect.fn("CronTasks.create")(function* (input: CronInput, by: string) {
    const fields = yield* fieldsOf(input)
    const made = yield* database.transaction(
      Effect.tap(repo.create(fields, by), ({ id }) => note("create", id, by, { name: fields.name, node: fields.ip })),
    )
    yield* followed(made)
    return yield* viewOne(made)
  })

  const change = Effect.fnUntraced(function* (what: string, before: StoredCron, fields: CronFields, by: string) {
    const detail = { name: fields.name, node: fields.ip, ...(before.ip === fields.ip ? {} : { before: before.ip }) }
    const after = yield* database.transaction(
      Effect.tap(repo.update(before.id, fields, by), ({ id, revision }) => note(what, id, by, { ...detail, revision })),
    )
    yield* followed(before, after)
    return yield* viewOne(after)
  })

  const update = Effect.fn("CronTasks.update")(function* (
    id: string,
    input: CronInput,
    by: string,
    base: number | undefined,
  ) {
    const before = yield* repo.get(id)
    if (base !== undefined && base !== before.revision)
      return yield* new CronChanged({ revision: before.revision, by: before.modifiedBy })
    return yield* change("edit", before, yield* fieldsOf(input), by)
  })

  const setEnabled = Effect.fn("CronTasks.setEnabled")(function* (id: string, enabled: boolean, by: string) {
    const before = yield* repo.get(id)
    const { ip, task } = before
    // Another revision would be sent to the node for nothing.
    if (task.enabled === enabled) return yield* viewOne(before)
    const { id: _, ...fields } = task
    return yield* change(enabled ? "enable" : "disable", before, { ...fields, enabled, ip }, by)
  })

  const remove = Effect.fn("CronTasks.remove")(function* (id: string, by: string) {
    const before = yield* repo.get(id)
    const { ip: node, task } = before
    yield* database.transaction(Effect.andThen(repo.remove(id, by), note("delete", id, by, { name: task.name, node })))
    yield* followed(before)
    const holder = before.heldBy === null ? undefined : sessions.get(before.heldBy)
    const staysAt =
      before.heldBy === null || holder?.connection === "connected" ? null : (yield* known).name(before.heldBy)
    return { name: task.name, staysAt }
  })

  const restore = Effect.fn("CronTasks.restore")(function* (id: string, by: string) {
    const back = yield* database.transaction(
      Effect.tap(repo.restore(id), ({ task }) => note("restore", id, by, { name: task.name })),
    )
    yield* followed(back)
    return yield* viewOne(back)
  })

  const release = Effect.fn("CronTasks.release")(function* (id: string, by: string) {
    const before = yield* repo.get(id)
    const from = before.heldBy === null ? null : (yield* known).name(before.heldBy)
    if (before.heldBy !== null && sessions.at(before.ip)?.node.id !== before.heldBy) {
      yield* database.transaction(
        Effect.andThen(repo.release(id), note("move-anyway", id, by, { from, to: before.ip })),
      )
    }
    const after = yield* repo.get(id)
    yield* followed(before, after)
    return yield* viewOne(after)
  })

  const find = Effect.fn("CronTasks.find")(function* (nameOrId: string) {
    const byName = yield* Effect.option(repo.byName(nameOrId))
    return yield* Option.match(byName, { onSome: Effect.succeed, onNone: () => repo.get(nameOrId) })
  })

  return CronTasks.of({
    list: Effect.flatMap(repo.list, view),
    get: Effect.fn("CronTasks.get")(function* (id: string) {
      return yield* viewOne(yield* repo.get(id))
    }),
    find: Effect.fn("CronTasks.find")(function* (nameOrId: string) {
      return yield* viewOne(yield* find(nameOrId))
    }),
    input: Effect.fn("CronTasks.input")(function* (id: string) {
      const { ip, task } = yield* repo.get(id)
      const { id: _, ...rest } = (yield* Effect.orDie(encodeTask(task))) as Record<string, unknown>
      return { ...rest, node: ip }
    }),
    known,
    create,
    update,
    setEnabled,
    remove,
    restore,
    release,
  })
})

type Written = NotFound | Conflict

/** The cron tasks of the fleet: what people want of them, and what their nodes say. */
export class CronTasks extends Context.Service<
  CronTasks,
  {
    readonly list: Effect.Effect<ReadonlyArray<CronTaskView>>
    readonly get: (id: string) => Effect.Effect<CronTaskView, NotFound>
    readonly find: (nameOrId: string) => Effect.Effect<CronTaskView, NotFound>
    /** What CronInput is read from. */
    readonly input: (id: string) => Effect.Effect<Readonly<Record<string, unknown>>, NotFound>
    readonly known: Effect.Effect<Nodes>
    readonly create: (input: CronInput, by: string) => Effect.Effect<CronTaskView, Written>
    /** `base`: the revision that the edit began from; undefined: whatever there is. Another node gets it when the former has let go of it. */
    readonly update: (
      id: string,
      input: CronInput,
      by: string,
      base: number | undefined,
    ) => Effect.Effect<CronTaskView, Written | CronChanged>
    readonly setEnabled: (id: string, enabled: boolean, by: string) => Effect.Effect<CronTaskView, Written>
    /** `staysAt`: the node that goes on with it until it can be told, as it is away. */
    readonly remove: (
      id: string,
      by: string,
    ) => Effect.Effect<{ readonly name: string; readonly staysAt: string | null }, NotFound>
    readonly restore: (id: string, by: string) => Effect.Effect<CronTaskView, Written>
    /** Its new node gets it though the former one has not let go of it: by name, as it may run on both. */
    readonly release: (id: string, by: string) => Effect.Effect<CronTaskView, NotFound>
  }
>()("muster/manager/fleet/cron/CronTasks") {
  static readonly layer = Layer.effect(CronTasks, make)
}
