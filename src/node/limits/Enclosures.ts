import { type Controller, controllersOf, limitFiles, type Limits } from "../../domain/Limit.ts"
import { Cgroup, type CgroupPlace } from "../../platform/Cgroup.ts"
import { join } from "../../platform/Paths.ts"

/** Where this agent's instances may have groups; or why not, and what to do. */
export type Ground =
  | { readonly _tag: "Ground"; readonly services: Cgroup; readonly controllers: ReadonlyArray<string> }
  | { readonly _tag: "NoGround"; readonly reason: string }

const all: ReadonlyArray<Controller> = ["cpu", "memory", "pids"]
/** The group of the agent itself: a group that hands on controllers may hold no process. */
const ownName = "agent"

const none = (reason: string): Ground => ({ _tag: "NoGround", reason })

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** The group that was delegated to us; we may be in a group of our own in it. */
const delegated = ({ mount, own }: CgroupPlace) => {
  const path = join(mount, own)
  return path.endsWith(`/${ownName}`) ? path.slice(0, -ownName.length - 1) : path
}

/** Where the groups of the instances of one agent are. `key`: of the data folder, as several agents may share a host. */
export const servicesOf = (place: CgroupPlace, key: string): Cgroup =>
  new Cgroup(delegated(place)).child(`muster-${key}`)

const handOn = (base: Cgroup, place: CgroupPlace, controllers: ReadonlyArray<string>) => {
  try {
    base.handOn(controllers)
  } catch (error) {
    // systemd could not start the unit again: it puts the new main process into the unit's own group.
    if (place.own.endsWith(".service")) {
      const hint = "add DelegateSubgroup=agent to the unit (systemd 254)"
      throw new Error(`the agent is in the group ${base.path} itself: ${hint}`, { cause: error })
    }
    const agent = base.child(ownName).make()
    for (const pid of base.pids) agent.add(pid)
    base.handOn(controllers)
  }
}

/** Makes the group in which those of the instances will be. */
export const findGround = (place: CgroupPlace | undefined, key: string): Ground => {
  if (place === undefined) return none("cgroup v2 is not mounted: boot with systemd.unified_cgroup_hierarchy=1")
  const base = new Cgroup(delegated(place))
  const services = servicesOf(place, key)
  const controllers = all.filter((name) => base.controllers.includes(name))
  try {
    services.make()
    handOn(base, place, controllers)
    services.handOn(controllers)
  } catch (error) {
    return none(`cgroup v2 can't be used: ${messageOf(error)}: run the agent as a systemd unit with Delegate=yes`)
  }
  return { _tag: "Ground", services, controllers }
}

/** Why limits that are asked for can't be in force; null: they can, or none are. */
export const missingOf = (ground: Ground, limits: Limits): string | null => {
  const asked = controllersOf(limits)
  if (asked.length === 0) return null
  if (ground._tag === "NoGround") return ground.reason
  const missing = asked.filter((name) => !ground.controllers.includes(name))
  if (missing.length === 0) return null
  const what = missing.length === 1 ? `controller ${missing[0]} is` : `controllers ${missing.join(", ")} are`
  return `${what} not delegated to ${ground.services.path.replace(/\/[^/]*$/, "")}: use Delegate=yes in the agent's unit, and no cgroup v1 for them`
}

/** The group around one instance. */
export class Enclosure {
  readonly group: Cgroup
  readonly #controllers: ReadonlyArray<string>
  readonly #oomKillsBefore: number

  constructor(group: Cgroup, controllers: ReadonlyArray<string>) {
    this.group = group
    this.#controllers = controllers
    this.#oomKillsBefore = group.oomKills
  }

  /** Takes effect at once. Throws what the kernel says. */
  limit(limits: Limits): void {
    for (const [file, text] of limitFiles(limits, this.#controllers)) this.group.write(file, text)
  }

  get wasOutOfMemory(): boolean {
    return this.group.oomKills > this.#oomKillsBefore
  }
}
