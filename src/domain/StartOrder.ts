import type { Dependency, Desired } from "./ProcessSpec.ts"

/** A process set of a node, as far as it matters for when others start and stop. `name` is unique. */
export type SetView = {
  readonly name: string
  readonly service: string
  readonly startOrder: number
  readonly dependsOn: ReadonlyArray<Dependency>
  readonly desired: Desired
  /** Nothing holds up its start any more. */
  readonly begun: boolean
  /** Each of its processes has come up since, or could not. */
  readonly settled: boolean
  /** A process of it is up, or was and has ended by itself. */
  readonly started: boolean
  readonly ready: boolean
  /** All of its processes have ended well by themselves. */
  readonly completed: boolean
  /** None of its processes is there. */
  readonly gone: boolean
  /** Why it is not as it should be. */
  readonly reason: string | null
}

type Ordered = Pick<SetView, "name" | "service" | "startOrder" | "dependsOn">

const dependsOn = (set: Ordered, other: Ordered) => set.dependsOn.some(({ service }) => service === other.service)

/** The names by which `set` depends on itself, itself first and last; undefined: it does not. */
export const circleOf = (set: Ordered, all: ReadonlyArray<Ordered>): ReadonlyArray<string> | undefined => {
  const seen = new Set<string>()
  const search = (from: Ordered, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    for (const next of all.filter((one) => dependsOn(from, one))) {
      if (next.name === set.name) return [...path, set.name]
      if (seen.has(next.name)) continue
      seen.add(next.name)
      const found = search(next, [...path, next.name])
      if (found !== undefined) return found
    }
    return undefined
  }
  return search(set, [set.name])
}

const lowest = (sets: ReadonlyArray<Ordered>) => Math.min(...sets.map(({ startOrder }) => startOrder))

/**
 * In which order sets start, and stop in reverse: those of one wave together, a set never before what it depends on,
 * and of those that may the ones with the lowest `startOrder` first. Sets that depend on each other count as free.
 */
export const startWaves = <A extends Ordered>(sets: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const waves: Array<ReadonlyArray<A>> = []
  let rest = sets
  while (rest.length > 0) {
    const left = rest
    const free = left.filter((set) => !left.some((other) => other !== set && dependsOn(set, other)))
    const able = free.length > 0 ? free : left
    const first = lowest(able)
    const wave = able.filter(({ startOrder }) => startOrder === first)
    waves.push(wave)
    rest = left.filter((set) => !wave.includes(set))
  }
  return waves
}

const rankOf = (name: string, waves: ReadonlyArray<ReadonlyArray<Ordered>>) =>
  waves.findIndex((wave) => wave.some((set) => set.name === name))

const because = (others: ReadonlyArray<SetView>) => {
  const reason = others.find((other) => other.reason !== null)?.reason
  return reason === undefined || reason === null ? "" : `: ${reason}`
}

const unmet = ({ condition, service }: Dependency, all: ReadonlyArray<SetView>): string | undefined => {
  const those = all.filter((other) => other.service === service)
  if (those.length === 0) return `this node does not run ${service}`
  const isMet = condition === "completed" ? those.every((one) => one.completed) : those.some((one) => one[condition])
  if (isMet) return undefined
  if (those.every(({ desired }) => desired === "stopped")) return `${service} is stopped`
  const lack = { started: "has not started", ready: "is not ready", completed: "has not completed" }[condition]
  return `${service} ${lack}${because(those)}`
}

const unmetOf = (set: SetView, all: ReadonlyArray<SetView>): string | undefined => {
  const circle = circleOf(set, all)
  if (circle !== undefined) return `it depends on itself: ${circle.join(" needs ")}`
  for (const dependency of set.dependsOn) {
    const text = unmet(dependency, all)
    if (text !== undefined) return text
  }
  return undefined
}

/**
 * What a set has to wait for before it starts, for a person; undefined: nothing. `all`: every set of the node. One that
 * waits for something itself holds up nobody by its `startOrder`.
 */
export const waitsFor = (set: SetView, all: ReadonlyArray<SetView>): string | undefined => {
  const missing = unmetOf(set, all)
  if (missing !== undefined) return missing
  const earlier = all.filter(
    (other) => other.startOrder < set.startOrder && other.desired === "running" && !other.settled,
  )
  if (earlier.length === 0) return undefined
  const waves = startWaves(all)
  const own = rankOf(set.name, waves)
  const first = earlier.find(
    (other) => rankOf(other.name, waves) < own && (other.begun || unmetOf(other, all) === undefined),
  )
  return first === undefined ? undefined : `${first.name} starts before it`
}

const reaches = (from: Ordered, to: Ordered, all: ReadonlyArray<Ordered>, seen = new Set<string>()): boolean =>
  all.some((next) => {
    if (!dependsOn(from, next) || seen.has(next.name)) return false
    seen.add(next.name)
    return next.name === to.name || reaches(next, to, all, seen)
  })

/** What a set has to wait for before it stops, for a person. `stopping`: all that are to stop, itself too. */
export const stopsAfter = (set: SetView, stopping: ReadonlyArray<SetView>): string | undefined => {
  const others = stopping.filter((other) => other.name !== set.name && !other.gone)
  if (others.length === 0) return undefined
  const waves = startWaves(stopping)
  const own = rankOf(set.name, waves)
  const first = others.find(
    (other) => rankOf(other.name, waves) > own && (other.startOrder > set.startOrder || reaches(other, set, stopping)),
  )
  return first === undefined ? undefined : `${first.name} stops before it`
}

export type Wait = {
  readonly kind: "absent" | "stopped" | "started" | "ready" | "completed" | "before"
  readonly service: string
  readonly because?: string | undefined
}

const waitForms = [
  ["absent", /^this node does not run (\S+)$/],
  ["stopped", /^(\S+) is stopped$/],
  ["started", /^(\S+) has not started(?:: (.+))?$/],
  ["ready", /^(\S+) is not ready(?:: (.+))?$/],
  ["completed", /^(\S+) has not completed(?:: (.+))?$/],
  ["before", /^(\S+) starts before it$/],
] as const

/** What `waitsFor` said, read again for a page in another language; undefined: something else. */
export const readWait = (text: string): Wait | undefined => {
  for (const [kind, form] of waitForms) {
    const [, service, because] = form.exec(text) ?? []
    if (service !== undefined) return { kind, service, because }
  }
  return undefined
}
