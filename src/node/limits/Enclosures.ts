import { type Controller, controllersOf, limitFiles, type Limits } from "../../domain/Limit.ts"
import { limitsSentence, type LimitsMissing } from "../../domain/LimitsMissing.ts"
import { Cgroup, type CgroupPlace } from "../../platform/Cgroup.ts"
import { join } from "../../platform/Paths.ts"
import { type Scope, scopeBeside, startScope } from "../../platform/SystemdScope.ts"
import { textOf } from "../../protocol/ErrorText.ts"

/** Where this agent's instances may have groups; or why not, and what to do. */
export type Ground =
  | { readonly _tag: "Ground"; readonly services: Cgroup; readonly controllers: ReadonlyArray<string> }
  | { readonly _tag: "NoGround"; readonly why: LimitsMissing }

const all: ReadonlyArray<Controller> = ["cpu", "memory", "pids"]
/** The group of the agent itself: a group that hands on controllers may hold no process. */
const ownName = "agent"

const none = (why: LimitsMissing): Ground => ({ _tag: "NoGround", why })

/** The group that was delegated to us; we may be in a group of our own in it. */
const delegated = ({ mount, own }: CgroupPlace) => {
  const path = join(mount, own)
  return path.endsWith(`/${ownName}`) ? path.slice(0, -ownName.length - 1) : path
}

/** The name of the group of what holds a scope open. */
const holderName = "holder"

const scopeOf = (place: CgroupPlace, key: string) => scopeBeside(place, `muster-${key}.scope`)

/** A group that hands on controllers may hold no process: each goes into one of its own. */
const vacate = (base: Cgroup, name: string, controllers: ReadonlyArray<string>) => {
  const group = base.child(name).make()
  for (const pid of base.pids) group.add(pid)
  base.handOn(controllers)
}

const supported = (base: Cgroup) => all.filter((name) => base.controllers.includes(name))

const groundIn = (base: Cgroup, key: string, handOn: (controllers: ReadonlyArray<string>) => void): Ground => {
  const controllers = supported(base)
  handOn(controllers)
  const services = base.child(`muster-${key}`).make()
  services.handOn(controllers)
  return { _tag: "Ground", services, controllers }
}

/**
 * In a scope of systemd's. Our own group, when it is the unit's, can't hand on controllers while we are in it; and from
 * without it, systemd could not start the unit again: it puts the new main process into the unit's own group.
 */
const groundInScope = (scope: Scope, key: string, start: (scope: Scope) => void): Ground => {
  const base = new Cgroup(scope.folder)
  const holder = base.child(holderName)
  // One that an agent before this one has begun is finished.
  if (base.pids.length === 0 && holder.pids.length === 0) start(scope)
  return groundIn(base, key, (controllers) => vacate(base, holderName, controllers))
}

/** The scope goes with the last process in it, when nothing of ours is there any more. */
const endScope = (scope: Scope | undefined) => {
  if (scope === undefined) return
  const base = new Cgroup(scope.folder)
  if (!base.exists || base.children.some((name) => name !== holderName)) return
  base.kill()
}

/**
 * Removes the groups of instances that have ended, and those around them when they are empty. `ends`: the agent does, and
 * the scope goes too; before that, those that count a kill for want of memory are left to who is yet to ask.
 */
export const sweepGround = (place: CgroupPlace, key: string, ends: boolean): void => {
  const scope = scopeOf(place, key)
  const bases = [delegated(place), ...(scope === undefined ? [] : [scope.folder])]
  for (const services of bases.map((base) => new Cgroup(base).child(`muster-${key}`))) {
    for (const group of services.children.map((name) => services.child(name)))
      if (ends || group.oomKills === 0) group.remove()
    services.remove()
  }
  if (ends) endScope(scope)
}

/** Makes the group in which those of the instances will be. `start`: how a scope is had. */
export const findGround = (place: CgroupPlace | undefined, key: string, start = startScope): Ground => {
  if (place === undefined) return none({ _tag: "NotMounted" })
  const base = new Cgroup(delegated(place))
  const scope = scopeOf(place, key)
  try {
    if (scope !== undefined) return groundInScope(scope, key, start)
    return groundIn(base, key, (controllers) => {
      try {
        base.handOn(controllers)
      } catch {
        vacate(base, ownName, controllers)
      }
    })
  } catch (error) {
    return none({ _tag: "Unusable", said: textOf(error), remedy: scope === undefined ? "delegate" : "root" })
  }
}

/** Why limits that are asked for can't be in force; null: they can, or none are. */
export const missingOf = (ground: Ground, limits: Limits): string | null => {
  const asked = controllersOf(limits)
  if (asked.length === 0) return null
  if (ground._tag === "NoGround") return limitsSentence(ground.why)
  const controllers = asked.filter((name) => !ground.controllers.includes(name))
  if (controllers.length === 0) return null
  return limitsSentence({ _tag: "NotDelegated", controllers, to: ground.services.path.replace(/\/[^/]*$/, "") })
}

/** The group around one instance. */
export class Enclosure {
  readonly group: Cgroup
  readonly #controllers: ReadonlyArray<string>
  readonly #oomKillsBefore: number
  readonly #wasOutOfMemory: boolean

  /** `isOver`: its instance has ended, maybe by what the group counts already. */
  constructor(group: Cgroup, controllers: ReadonlyArray<string>, isOver = false) {
    this.group = group
    this.#controllers = controllers
    this.#oomKillsBefore = group.oomKills
    this.#wasOutOfMemory = isOver && this.#oomKillsBefore > 0
  }

  /** Takes effect at once. Throws what the kernel says. */
  limit(limits: Limits): void {
    for (const [file, text] of limitFiles(limits, this.#controllers)) this.group.write(file, text)
  }

  get wasOutOfMemory(): boolean {
    return this.#wasOutOfMemory || this.group.oomKills > this.#oomKillsBefore
  }
}
