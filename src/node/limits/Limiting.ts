import { Context, Effect, Layer } from "effect"
import { controllersOf, type Limits } from "../../domain/Limit.ts"
import { noticeTexts } from "../../domain/NoticeText.ts"
import { Cgroup, cgroupOf, type CgroupPlace, findCgroup } from "../../platform/Cgroup.ts"
import { sha256Hex } from "../../platform/Hash.ts"
import { textOf } from "../../protocol/ErrorText.ts"
import { Notices } from "../Notices.ts"
import { Enclosure, findGround, type Ground, missingOf, sweepGround } from "./Enclosures.ts"

/** So often is tried to remove a group whose last processes are being killed. */
const removeTries = 50
const removeAgainMs = 100

/** Limits that the kernel keeps: cgroup v2, one group around each instance that has any. */
export class Limiting extends Context.Service<
  Limiting,
  {
    /** A new group for an instance, by a name that no other has; undefined: no limit is asked for, or none can be kept. */
    readonly enclose: (name: string, limits: Limits) => Effect.Effect<Enclosure | undefined>
    /** The group of ours that a process is in: one that an agent before this one has started. */
    readonly enclosureOf: (pid: number) => Enclosure | undefined
    /** The group of one that has ended while no agent ran, by its folder. */
    readonly formerEnclosure: (path: string | undefined) => Enclosure | undefined
    /** The instance has ended: what is left in the group is killed, and the group goes. */
    readonly release: (enclosure: Enclosure) => Effect.Effect<void>
    /** Why limits that are asked for are not in force; null: they are. */
    readonly missing: (limits: Limits) => string | null
    /** Says or takes back that a process set runs without them. */
    readonly notify: (subject: string, missing: string | null) => Effect.Effect<void>
  }
>()("muster/node/limits/Limiting") {
  /** `root`: of the data folder. `place`: where the hierarchy is. */
  static readonly layer = (root: string, place: () => CgroupPlace | undefined = findCgroup) =>
    Layer.effect(
      Limiting,
      Effect.gen(function* () {
        const notices = yield* Notices
        const scope = yield* Effect.scope
        const key = sha256Hex(root).slice(0, 12)
        let ground: Ground | undefined
        /** Made when somebody wants a limit for the first time: a host without limits gets no groups. */
        const groundOf = () => {
          // A person may have ended what held it open.
          if (ground?._tag === "Ground" && !ground.services.exists) ground = undefined
          return (ground ??= findGround(place(), key))
        }

        const attempt = <A>(what: string, act: () => A) =>
          Effect.try({ try: act, catch: textOf }).pipe(
            Effect.catch((why) => Effect.as(Effect.logWarning(`cgroup: ${what}: ${why}`), undefined)),
          )

        const remove = Effect.fnUntraced(function* (group: Cgroup) {
          for (let tries = 0; tries < removeTries; tries++) {
            if (group.remove()) return
            yield* Effect.sleep(removeAgainMs)
          }
          yield* Effect.logWarning(`the group ${group.path} can't be removed: something is left in it`)
        })

        const sweep = (ends: boolean) =>
          Effect.sync(() => {
            const there = place()
            if (there !== undefined) sweepGround(there, key, ends)
          })
        yield* sweep(false)
        yield* Effect.addFinalizer(() => sweep(true))

        return Limiting.of({
          enclose: (name, limits) =>
            Effect.suspend(() => {
              const found = controllersOf(limits).length === 0 ? undefined : groundOf()
              if (found?._tag !== "Ground") return Effect.succeed(undefined)
              return attempt("runs without limits", () => {
                const enclosure = new Enclosure(found.services.child(name).make(), found.controllers)
                enclosure.limit(limits)
                return enclosure
              })
            }),
          enclosureOf: (pid) => {
            const there = place()
            const path = there === undefined ? undefined : cgroupOf(there, pid)
            if (path?.includes(`/muster-${key}/`) !== true) return undefined
            const found = groundOf()
            return new Enclosure(new Cgroup(path), found._tag === "Ground" ? found.controllers : [])
          },
          formerEnclosure: (path) => {
            const group = path?.includes(`/muster-${key}/`) === true ? new Cgroup(path) : undefined
            return group?.exists === true ? new Enclosure(group, [], true) : undefined
          },
          release: (enclosure) =>
            attempt("can't be emptied", () => enclosure.group.isPopulated && enclosure.group.kill()).pipe(
              Effect.andThen(Effect.forkIn(remove(enclosure.group), scope)),
              Effect.asVoid,
            ),
          missing: (limits) => (controllersOf(limits).length === 0 ? null : missingOf(groundOf(), limits)),
          notify: (subject, missing) =>
            missing === null
              ? notices.clear("limits", subject)
              : notices.raise("limits", subject, noticeTexts.limits(missing)),
        })
      }),
    )
}
