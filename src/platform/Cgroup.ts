import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Where the hierarchy is seen, and where in it we are: `0::/system.slice/muster.service` of /proc/self/cgroup. */
export type CgroupPlace = { readonly mount: string; readonly own: string }

const readOr = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** Paths in /proc/self/mounts have their blanks as \040. */
const unescapePath = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The cgroup v2 hierarchy of this host and our group in it; undefined: it is not mounted. */
export const findCgroup = (): CgroupPlace | undefined => {
  const mounts = (readOr("/proc/self/mounts") ?? "").split("\n").map((line) => line.split(" "))
  const mount = mounts.find(([, , kind]) => kind === "cgroup2")?.[1]
  if (mount === undefined) return undefined
  const own = /^0::(.*)$/m.exec(readOr("/proc/self/cgroup") ?? "")?.[1] ?? "/"
  return { mount: unescapePath(mount), own }
}

/** The folder of the group that a process is in; undefined: it is gone. */
export const cgroupOf = ({ mount }: CgroupPlace, pid: number): string | undefined => {
  const path = /^0::(.*)$/m.exec(readOr(`/proc/${pid}/cgroup`) ?? "")?.[1]
  return path === undefined ? undefined : join(mount, path)
}

/** How many processes of this host the kernel has killed for want of memory since its start; undefined: nobody can tell now. */
export const oomKillsOfHost = (): number | undefined => {
  const count = /^oom_kill (\d+)$/m.exec(readOr("/proc/vmstat") ?? "")?.[1]
  return count === undefined ? undefined : Number(count)
}

const words = (text: string | undefined) => (text ?? "").split(/\s+/).filter((word) => word !== "")

/** Why a write to the hierarchy failed: `EBUSY`, `EACCES`, … */
const codeOf = (error: unknown) =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error)

/**
 * One group of a cgroup v2 hierarchy, by its folder. Throws what the kernel says, with the file that it was said of.
 * `path` may also be a folder that only looks like one.
 */
export class Cgroup {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get exists(): boolean {
    return existsSync(join(this.path, "cgroup.procs"))
  }

  make(): this {
    mkdirSync(this.path, { recursive: true })
    return this
  }

  child(name: string): Cgroup {
    return new Cgroup(join(this.path, name))
  }

  get children(): ReadonlyArray<string> {
    try {
      return readdirSync(this.path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    } catch {
      return []
    }
  }

  /** Controllers that it may use, and those that it hands on to the groups in it. */
  get controllers(): ReadonlyArray<string> {
    return words(this.read("cgroup.controllers"))
  }
  get handedOn(): ReadonlyArray<string> {
    return words(this.read("cgroup.subtree_control"))
  }

  handOn(controllers: ReadonlyArray<string>): void {
    const missing = controllers.filter((name) => !this.handedOn.includes(name))
    if (missing.length > 0) this.write("cgroup.subtree_control", missing.map((name) => `+${name}`).join(" "))
  }

  get pids(): ReadonlyArray<number> {
    return words(this.read("cgroup.procs")).map(Number)
  }

  /** Moves a process into it; what it starts from now on is in it too. */
  add(pid: number): void {
    this.write("cgroup.procs", String(pid))
  }

  get isPopulated(): boolean {
    const events = this.read("cgroup.events")
    return events === undefined ? this.pids.length > 0 : /^populated 1$/m.test(events)
  }

  /** Kills all that is in it, whatever it starts meanwhile. false: this kernel can't (before 5.14). */
  kill(): boolean {
    if (!existsSync(join(this.path, "cgroup.kill"))) return false
    this.write("cgroup.kill", "1")
    return true
  }

  /** How many of its processes the kernel has killed for want of memory. */
  get oomKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.read("memory.events") ?? "")?.[1] ?? 0)
  }

  read(file: string): string | undefined {
    return readOr(join(this.path, file))
  }

  write(file: string, text: string): void {
    try {
      writeFileSync(join(this.path, file), text)
    } catch (error) {
      throw new Error(`${join(this.path, file)}: ${codeOf(error)}`, { cause: error })
    }
  }

  /** false: something is still in it. */
  remove(): boolean {
    try {
      rmdirSync(this.path)
      return true
    } catch (error) {
      return codeOf(error) === "ENOENT"
    }
  }
}
