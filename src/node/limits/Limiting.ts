import { Context, Effect, Layer } from "effect"
import { controllersOf, type Limits } from "../../domain/Limit.ts"
import { Cgroup, cgroupOf, type CgroupPlace, findCgroup, oomKillsOfHost } from "../../platform/Cgroup.ts"
import { sha256Hex } from "../../platform/Ids.ts"
import { Notices } from "../Notices.ts"
import { Enclosure, findGround, type Ground, missingOf, servicesOf } from "./Enclosures.ts"

export type Fenced = {
  /** Of a process that is about to be started: a name that no other group has. */
  readonly name: string
  readonly limits: Limits
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** So often is tried to remove a group whose last processes are being killed. */
const removeTries = 50
const removeAgainMs = 100

/** Limits that the kernel keeps: cgroup v2, one group around each instance that has any. */
export class Limiting extends Context.Service<
  Limiting,
  {
    /** A group to start an instance in; undefined: it asks for no limit, or there can't be a group. */
    readonly enclose: (fenced: Fenced) => Effect.Effect<Enclosure | undefined>
    /** The group of ours that a process is in: one that an agent before this one has started. */
    readonly enclosureOf: (pid: number) => Enclosure | undefined
    /** All that is in it has ended, or is to: kills what is left, and lets the group go. */
    readonly release: (enclosure: Enclosure) => Effect.Effect<void>
    /** Why limits of a process set are not in force; null: they are. Said as a notice too. */
    readonly missing: (limits: Limits) => string | null
    readonly notify: (subject: string, limits: Limits | undefined) => Effect.Effect<void>
    /** How many processes of the host the kernel has killed for want of memory. */
    readonly oomKillsOfHost: () => number
  }
>()("muster/node/limits/Limiting") {
  /** `root`: of the data folder. `place`: where the hierarchy is. */
  static readonly layer = (root: string, place: () => CgroupPlace | undefined = findCgroup) =>
    Layer.effect(
      Limiting,
      Effect.gen(function* () {
        const notices = yield* Notices
        const layerScope = yield* Effect.scope
        const key = sha256Hex(root).slice(0, 12)
        let ground: Ground | undefined
        /** Asked for the first time that anybody wants a limit: a host without limits gets no groups. */
        const groundOf = () => (ground ??= findGround(place(), key))

        const remove = Effect.fnUntraced(function* (group: Cgroup) {
          for (let tries = 0; tries < removeTries; tries++) {
            if (group.remove()) return
            yield* Effect.sleep(removeAgainMs)
          }
          yield* Effect.logWarning(`the group ${group.path} can't be removed: something is left in it`)
        })

        const attempt = (act: () => void) =>
          Effect.try({ try: act, catch: messageOf }).pipe(Effect.catch((why) => Effect.logWarning(`cgroup: ${why}`)))

        /** Groups of instances that have ended, and the one around them when it is empty. */
        const sweep = Effect.sync(() => {
          const there = place()
          if (there === undefined) return
          const services = servicesOf(there, key)
          for (const name of services.children) services.child(name).remove()
          services.remove()
        })
        yield* sweep
        yield* Effect.addFinalizer(() => sweep)

        return Limiting.of({
          enclose: Effect.fnUntraced(function* ({ limits, name }) {
            if (controllersOf(limits).length === 0) return undefined
            const found = groundOf()
            if (found._tag === "NoGround") return undefined
            return yield* Effect.try({
              try: () => {
                const enclosure = new Enclosure(found.services.child(name).make(), found.controllers)
                enclosure.limit(limits)
                return enclosure
              },
              catch: messageOf,
            }).pipe(
              Effect.catch((why) => Effect.as(Effect.logWarning(`runs without limits: cgroup: ${why}`), undefined)),
            )
          }),
          enclosureOf: (pid) => {
            const there = place()
            const path = there === undefined ? undefined : cgroupOf(there, pid)
            if (path?.includes(`/muster-${key}/`) !== true) return undefined
            const found = groundOf()
            return new Enclosure(new Cgroup(path), found._tag === "Ground" ? found.controllers : [])
          },
          release: (enclosure) =>
            Effect.gen(function* () {
              yield* attempt(() => {
                if (enclosure.group.isPopulated) enclosure.group.kill()
              })
              yield* Effect.forkIn(remove(enclosure.group), layerScope)
            }),
          missing: (limits) => (controllersOf(limits).length === 0 ? null : missingOf(groundOf(), limits)),
          notify: (subject, limits) => {
            const why =
              limits === undefined || controllersOf(limits).length === 0 ? null : missingOf(groundOf(), limits)
            return why === null
              ? notices.clear("limits", subject)
              : notices.raise("limits", subject, `runs without all of its limits: ${why}`)
          },
          oomKillsOfHost,
        })
      }),
    )
}
