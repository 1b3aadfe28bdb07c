import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { isIPv6 } from "node:net"
import { type Libc, libc } from "./Libc.ts"
import type { ProcessIdentity } from "./ProcessTable.ts"
import { isAlive } from "./ProcessTree.ts"

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM_CLOEXEC = 0o2000001
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const SO_ACCEPTCONN = 30
const SO_ATTACH_REUSEPORT_CBPF = 51
const SO_DETACH_REUSEPORT_BPF = 68
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const F_DUPFD_CLOEXEC = 1030
const SYS_pidfd_open = 434n
const SYS_pidfd_getfd = 438n

const errnoNames: Readonly<Record<number, readonly [string, string]>> = {
  1: ["EPERM", "is not permitted"],
  13: ["EACCES", "is not permitted: a port below 1024 needs root, or CAP_NET_BIND_SERVICE"],
  22: ["EINVAL", "is not an address that can be listened on"],
  24: ["EMFILE", "can't be opened: this process has too many files open"],
  98: ["EADDRINUSE", "is in use"],
  99: ["EADDRNOTAVAIL", "is not an address of this host"],
}

/** Why a port can't be listened on. The message is one sentence that names the address. */
export class ListenFailed extends Error {
  override readonly name = "ListenFailed"
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Where a process is given the socket it is to listen on. */
export const inheritedFd = 3

export type SlotAddress = { readonly ip: string; readonly port: number }

const ipv6Groups = (text: string): ReadonlyArray<number> =>
  text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16))

const ipv6Bytes = (ip: string): Uint8Array => {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip)
  const hex = (a: string | undefined, b: string | undefined) => (Number(a) * 256 + Number(b)).toString(16)
  const text = dotted === null ? ip : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`
  const [head = "", tail] = text.split("::")
  const left = ipv6Groups(head)
  const right = ipv6Groups(tail ?? "")
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
  const bytes = new Uint8Array(16)
  for (const [index, group] of groups.entries()) new DataView(bytes.buffer).setUint16(index * 2, group, false)
  return bytes
}

/** struct sockaddr_in or sockaddr_in6. */
const socketAddress = ({ ip, port }: SlotAddress): Uint8Array => {
  const bytes = new Uint8Array(isIPv6(ip) ? 28 : 16)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, isIPv6(ip) ? AF_INET6 : AF_INET, true)
  view.setUint16(2, port, false)
  if (isIPv6(ip)) bytes.set(ipv6Bytes(ip), 8)
  else bytes.set(ip.split(".").map(Number), 4)
  return bytes
}

const addressText = ({ ip, port }: SlotAddress) => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`)

/** One line of /proc/net/tcp: is it a listener that stands in the way of `address`? Gives the socket's inode. */
const blockingInode = (line: string, { ip, port }: SlotAddress): string | undefined => {
  const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/)
  const [host = "", hexPort = ""] = local.split(":")
  if (state !== "0A" || Number.parseInt(hexPort, 16) !== port) return undefined
  const wanted = socketAddress({ ip, port })
    .subarray(isIPv6(ip) ? 8 : 4)
    .subarray(0, isIPv6(ip) ? 16 : 4)
  const words = Array.from({ length: host.length / 8 }, (_, index) => host.slice(index * 8, index * 8 + 8))
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)).toReversed())
  const same = bytes.length === wanted.length && bytes.every((byte, index) => byte === wanted[index])
  return same || bytes.every((byte) => byte === 0) || wanted.every((byte) => byte === 0) ? inode : undefined
}

const readOr = <A>(read: () => A, otherwise: A): A => {
  try {
    return read()
  } catch {
    return otherwise
  }
}

const holdsInode = (pid: string, inodes: ReadonlySet<string>) =>
  readOr(() => readdirSync(`/proc/${pid}/fd`), []).some((fd) =>
    inodes.has(readOr(() => readlinkSync(`/proc/${pid}/fd/${fd}`), "")),
  )

/** The process that listens on an address, as far as we may see it; `text` for a person: `pid 4711 (nginx: master process)`. */
export const holderOf = (address: SlotAddress): { readonly pid: number; readonly text: string } | undefined => {
  const lines = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) =>
    readOr(() => readFileSync(path, "utf8"), "")
      .split("\n")
      .slice(1),
  )
  const inodes = new Set<string>()
  for (const line of lines) {
    const inode = blockingInode(line, address)
    if (inode !== undefined) inodes.add(`socket:[${inode}]`)
  }
  if (inodes.size === 0) return undefined
  const pid = readOr(() => readdirSync("/proc"), [])
    .filter((name) => /^\d+$/.test(name))
    .find((name) => holdsInode(name, inodes))
  if (pid === undefined) return undefined
  const command = readOr(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"), "")
    .replaceAll("\0", " ")
    .trim()
  return { pid: Number(pid), text: `pid ${pid} (${command.slice(0, 80)})` }
}

/** For a person, who listens on an address. */
export const portHolder = (address: SlotAddress): string | undefined => holderOf(address)?.text

/** A ListenFailed for a failed attempt to listen, with the holder of the port when that can be found. */
export const listenFailed = (address: SlotAddress, code: string, what?: string): ListenFailed => {
  const known =
    what ?? Object.values(errnoNames).find(([name]) => name === code)?.[1] ?? `can't be listened on (${code})`
  const holder = code === "EADDRINUSE" ? portHolder(address) : undefined
  return new ListenFailed(code, `${addressText(address)} ${known}${holder === undefined ? "" : ` by ${holder}`}`)
}

const failure = (c: Libc, address: SlotAddress): ListenFailed => {
  const errno = c.errno()
  const [code, what] = errnoNames[errno] ?? [`errno ${errno}`, `can't be listened on (errno ${errno})`]
  return listenFailed(address, code, what)
}

const one = new Uint8Array([1, 0, 0, 0])

const boundSocket = (c: Libc, address: SlotAddress, shared: boolean): number => {
  const fd = c.socket(isIPv6(address.ip) ? AF_INET6 : AF_INET, SOCK_STREAM_CLOEXEC, 0)
  if (fd < 0) throw failure(c, address)
  c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4)
  if (shared) c.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, one, 4)
  if (isIPv6(address.ip)) c.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, 4)
  const name = socketAddress(address)
  if (c.bind(fd, name, name.length) === 0) return fd
  const error = failure(c, address)
  c.close(fd)
  throw error
}

/**
 * Fails when anybody listens on the address. SO_REUSEPORT would let a second agent of the same user in silently, and
 * the two would share the connections.
 */
export const assertPortFree = async (address: SlotAddress): Promise<void> => {
  const c = await libc()
  c.close(boundSocket(c, address, false))
}

/**
 * A listening socket of a worker slot. It is opened outside the runtime, so that the agent's own loop never accepts
 * on it; the worker inherits it. `port` 0 takes a free one.
 */
export const openSlot = async (o: SlotAddress & { readonly backlog: number }): Promise<number> => {
  const c = await libc()
  const fd = boundSocket(c, o, true)
  if (c.listen(fd, o.backlog) !== 0) {
    const error = failure(c, o)
    c.close(fd)
    throw error
  }
  return lift(c, fd)
}

/** A spawn maps the socket to the child's descriptor 3: a low one here could stand in the way of that. */
const lift = (c: Libc, fd: number): number => {
  if (fd >= 16) return fd
  const high = c.fcntl(fd, F_DUPFD_CLOEXEC, 16)
  if (high < 0) return fd
  c.close(fd)
  return high
}

/** Whether a descriptor is a socket that listens at this address. */
const listensAt = (c: Libc, fd: number, address: SlotAddress): boolean => {
  const listens = new Uint8Array(4)
  if (c.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, listens, new Uint8Array([4, 0, 0, 0])) !== 0) return false
  if (listens[0] !== 1) return false
  const wanted = socketAddress(address)
  const name = new Uint8Array(28)
  if (c.getsockname(fd, name, new Uint8Array([28, 0, 0, 0])) !== 0) return false
  // Of sockaddr_in6 the flow and the scope are left out.
  const compared = isIPv6(address.ip)
    ? [...wanted.keys()].filter((at) => at < 4 || (at >= 8 && at < 24))
    : [...wanted.keys()].slice(0, 8)
  return compared.every((at) => name[at] === wanted[at])
}

/**
 * A copy of the socket with which a process of this user listens at an address; undefined when it has none, or lets
 * nobody have it. It is the same socket: its queue goes on when that process ends.
 */
export const takeSlot = async (identity: ProcessIdentity, address: SlotAddress): Promise<number | undefined> => {
  const c = await libc()
  const pidfd = c.syscall(SYS_pidfd_open, BigInt(identity.pid), 0n, 0n, 0n)
  if (pidfd < 0) return undefined
  try {
    if (!isAlive(identity)) return undefined
    const theirs = readOr(() => readdirSync(`/proc/${identity.pid}/fd`), [])
    // Most have it where it was given to them.
    for (const number of theirs.map(Number).toSorted((a, b) => Number(b === inheritedFd) - Number(a === inheritedFd))) {
      if (!readOr(() => readlinkSync(`/proc/${identity.pid}/fd/${number}`), "").startsWith("socket:")) continue
      const fd = c.syscall(SYS_pidfd_getfd, BigInt(pidfd), BigInt(number), 0n, 0n)
      if (fd < 0) return undefined
      if (listensAt(c, fd, address)) return lift(c, fd)
      c.close(fd)
    }
    return undefined
  } finally {
    c.close(pidfd)
  }
}

/** Whether a descriptor of ours, as the program before this one in the same process has left it, is such a slot. */
export const isSlot = async (fd: number, address: SlotAddress): Promise<boolean> => listensAt(await libc(), fd, address)

/** Changes how many connections may wait on a listening socket. */
export const setBacklog = async (fd: number, backlog: number): Promise<void> => {
  const c = await libc()
  c.listen(fd, backlog)
}

export const closeFd = async (fd: number): Promise<void> => {
  const c = await libc()
  c.close(fd)
}

/** The port a socket is bound to. */
export const boundPort = async (fd: number): Promise<number> => {
  const c = await libc()
  const name = new Uint8Array(28)
  if (c.getsockname(fd, name, new Uint8Array([28, 0, 0, 0])) !== 0) throw new Error(`descriptor ${fd} is no socket`)
  return new DataView(name.buffer).getUint16(2, false)
}

/** Classic BPF: A = random; A %= n; return the A-th of `indices`. Each instruction is {u16 code, u8 jt, u8 jf, u32 k}. */
const steeringProgram = (indices: ReadonlyArray<number>): Uint8Array => {
  const last = indices.length - 1
  const instructions: Array<readonly [code: number, jumpIfFalse: number, k: number]> = [
    [0x20, 0, (-0x1000 + 56) >>> 0],
    [0x94, 0, indices.length],
    ...indices.slice(0, last).flatMap((target, nth): ReadonlyArray<readonly [number, number, number]> => [
      [0x15, 1, nth],
      [0x06, 0, target],
    ]),
    [0x06, 0, indices[last] ?? 0],
  ]
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [at, [code, jumpIfFalse, k]] of instructions.entries()) {
    view.setUint16(at * 8, code, true)
    view.setUint8(at * 8 + 3, jumpIfFalse)
    view.setUint32(at * 8 + 4, k, true)
  }
  return bytes
}

/**
 * Sends new connections of a SO_REUSEPORT group only to the sockets with these indices (a socket's index is its place
 * in the order of listening); undefined lets the kernel spread them over all. `fd`: any socket of the group.
 */
export const steer = async (fd: number, indices: ReadonlyArray<number> | undefined): Promise<boolean> => {
  const c = await libc()
  if (indices === undefined || indices.length === 0) {
    return c.setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, new Uint8Array(4), 4) === 0
  }
  const program = steeringProgram(indices)
  const header = new Uint8Array(16)
  const view = new DataView(header.buffer)
  view.setUint16(0, program.length / 8, true)
  view.setBigUint64(8, c.addressOf(program), true)
  return c.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, header, 16) === 0 && program.length > 0
}
