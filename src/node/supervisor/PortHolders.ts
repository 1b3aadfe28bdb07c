import { Effect, FiberMap, Option } from "effect"
import { noticeTexts } from "../../domain/NoticeText.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import { holderOf } from "../../platform/ListenSocket.ts"
import { processRow } from "../../platform/ProcessTable.ts"
import { resolveAddress } from "../../platform/ResolveAddress.ts"
import { Notices } from "../Notices.ts"

const code = "port-held"
const lookEvery = "10 seconds"

export type Listen = NonNullable<ProcessAssignment["listen"]>

const addressText = ({ ip, port }: Listen) => `${ip.includes(":") ? `[${ip}]` : ip}:${port}`

/** Which process set a run's mark is of. */
const setOf = (mark: string) => mark.split("/").slice(0, -2).join("/")

/**
 * Who listens on the address of a set, when that is none of its own processes: `127.0.0.1:80 is held by pid 4711 (nginx)`.
 * `mark`: of one of its runs.
 */
export const inTheWayOf = (listen: Listen, mark: string) =>
  Effect.map(Effect.option(Effect.tryPromise(() => resolveAddress(listen.ip))), (ip) => {
    const holder = Option.isNone(ip) ? undefined : holderOf({ ip: ip.value, port: listen.port })
    if (holder === undefined) return undefined
    const theirs = processRow(holder.pid)?.run
    if (theirs !== undefined && setOf(theirs) === setOf(mark)) return undefined
    return `${addressText(listen)} is held by ${holder.text}`
  })

/** Tells a person of a port that was not free when its service had stopped, until it is. */
export const watchHeldPorts = Effect.gen(function* () {
  const notices = yield* Notices
  const looks = yield* FiberMap.make<string>()

  const look = (name: string, listen: Listen, mark: string) =>
    Effect.flatMap(inTheWayOf(listen, mark), (held) =>
      held === undefined
        ? Effect.as(notices.clear(code, name), true)
        : Effect.as(notices.raise(code, name, noticeTexts.portHeld(held)), false),
    )

  return (name: string, listen: Listen, mark: string) =>
    look(name, listen, mark).pipe(
      Effect.flatMap((isFree) =>
        isFree
          ? FiberMap.remove(looks, name)
          : Effect.sleep(lookEvery).pipe(
              Effect.andThen(look(name, listen, mark)),
              Effect.repeat({ until: (isFree) => isFree }),
              FiberMap.run(looks, name),
              Effect.asVoid,
            ),
      ),
    )
})
