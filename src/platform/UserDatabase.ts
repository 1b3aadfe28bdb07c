import { cString, libcWith } from "./Libc.ts"

const ERANGE = 34
const recordBytes = 64
const textBytesMax = 1024 * 1024
/** The kernel takes it for "as it is". */
const noId = 0xffff_ffff

export type User = {
  readonly name: string
  readonly uid: number
  /** Its first group. */
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** What a login sets for a user. */
export const loginVariables = ({ home, name, shell }: User): Readonly<Record<string, string>> => ({
  HOME: home,
  USER: name,
  LOGNAME: name,
  SHELL: shell === "" ? "/bin/sh" : shell,
})

/** Users and groups of this host, wherever it has them from. */
export interface UserDatabase {
  /** By name, or by its number in digits. */
  user(name: string): User | undefined
  /** The number of a group, by name or number; a number need not be known to the host. */
  group(name: string): number | undefined
  /** All groups that a user has when it logs in. */
  groupsOf(user: User): ReadonlyArray<number>
}

const signatures = {
  getpwnam_r: ["buffer", "buffer", "buffer", "usize", "buffer"],
  getpwuid_r: ["u32", "buffer", "buffer", "usize", "buffer"],
  getgrnam_r: ["buffer", "buffer", "buffer", "usize", "buffer"],
  getgrouplist: ["buffer", "u32", "buffer", "buffer"],
} as const

/** A number that the kernel takes for a user or a group; undefined for anything else, `-1` among it. */
export const idOf = (digits: string): number | undefined => {
  const id = /^\d{1,10}$/.test(digits) ? Number(digits) : Number.NaN
  return id < noId ? id : undefined
}

type Found = {
  readonly record: DataView
  /** The string that a pointer at this place of the record points to. */
  readonly text: (at: number) => string
}
type Lookup = (record: Uint8Array, texts: Uint8Array, result: Uint8Array) => number

export const userDatabase = async (): Promise<UserDatabase> => {
  const c = await libcWith(signatures)

  /** C writes the record, and the strings it points to into memory of ours. */
  const find = (look: Lookup, bytes = 16 * 1024): Found | undefined => {
    const record = new Uint8Array(recordBytes)
    const texts = new Uint8Array(bytes)
    const result = new Uint8Array(8)
    const errno = look(record, texts, result)
    if (errno === ERANGE && bytes < textBytesMax) return find(look, bytes * 2)
    if (new DataView(result.buffer).getBigUint64(0, true) === 0n) return undefined
    const view = new DataView(record.buffer)
    const start = c.addressOf(texts)
    return {
      record: view,
      text: (at) => {
        const from = Number(view.getBigUint64(at, true) - start)
        return new TextDecoder().decode(texts.subarray(from, texts.indexOf(0, from)))
      },
    }
  }

  /** struct passwd: name, passwd, uid, gid, gecos, dir, shell. */
  const findUser = (name: string) => {
    if (!/^\d+$/.test(name)) return find((...to) => c.getpwnam_r(cString(name), to[0], to[1], to[1].length, to[2]))
    const uid = idOf(name)
    return uid === undefined ? undefined : find((...to) => c.getpwuid_r(uid, to[0], to[1], to[1].length, to[2]))
  }

  const groupsOf = ({ gid, name }: User, places = 64): ReadonlyArray<number> => {
    const groups = new Uint32Array(places)
    const count = new Int32Array([places])
    const bytes = (array: Uint32Array | Int32Array) => new Uint8Array(array.buffer)
    if (c.getgrouplist(cString(name), gid, bytes(groups), bytes(count)) >= 0) return [...groups.subarray(0, count[0])]
    if ((count[0] ?? 0) <= places) throw new Error(`user ${name}: its groups can't be read`)
    return groupsOf({ gid, name, uid: 0, home: "", shell: "" }, count[0])
  }

  return {
    user: (name) => {
      const found = findUser(name)
      if (found === undefined) return undefined
      const { record, text } = found
      const uid = record.getUint32(16, true)
      const gid = record.getUint32(20, true)
      return { name: text(0), uid, gid, home: text(32), shell: text(40) }
    },
    group: (name) => {
      if (/^\d+$/.test(name)) return idOf(name)
      /** struct group: name, passwd, gid, members. */
      return find((...to) => c.getgrnam_r(cString(name), to[0], to[1], to[1].length, to[2]))?.record.getUint32(16, true)
    },
    groupsOf: (user) => groupsOf(user),
  }
}
