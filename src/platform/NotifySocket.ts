import process from "node:process"
import { libc } from "./Libc.ts"

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 0o2000002
/** MSG_NOSIGNAL, and MSG_DONTWAIT: a manager of services that does not read must not stop this one. */
const flags = 0x4000 | 0x40
const pathBytesMax = 107
/** EAGAIN and ENOBUFS: its queue is full for the moment. */
const full: ReadonlySet<number> = new Set([11, 105])

/** `full`: nothing was sent, and it may be tried again. A number is the errno of a socket that takes nothing. */
export type Sent = "sent" | "full" | number

/** How to tell whoever started this process how it is, by the protocol of sd_notify(3). */
export interface NotifySocket {
  /** The path, or `@name` in the abstract namespace. */
  readonly name: string
  /** Lines such as `READY=1`. */
  send(text: string): Sent
  /** It expects `WATCHDOG=1` from this process within each span of so many milliseconds; undefined: it does not. */
  readonly watchdogMs: number | undefined
}

/** Meant for this process alone: what it starts must neither speak in its name nor take its sockets. */
const own = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "LISTEN_PID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
  "LISTEN_PIDFDID",
] as const

const takeOwn = () => {
  const values: Partial<Record<(typeof own)[number], string>> = {}
  for (const name of own) {
    const value = process.env[name]
    if (value !== undefined && value !== "") values[name] = value
    delete process.env[name]
  }
  return values
}

const watchdogOf = ({ WATCHDOG_PID: pid, WATCHDOG_USEC: microseconds }: ReturnType<typeof takeOwn>) => {
  if (pid !== undefined && pid !== `${process.pid}`) return undefined
  return /^[1-9]\d{0,15}$/.test(microseconds ?? "") ? Number(microseconds) / 1_000 : undefined
}

/** struct sockaddr_un: the family, then a path with its NUL, or a NUL and an abstract name. */
const socketAddress = (name: string): Uint8Array | undefined => {
  const text = new TextEncoder().encode(name)
  const isAbstract = name.startsWith("@")
  if (!(isAbstract || name.startsWith("/")) || text.length > pathBytesMax) return undefined
  const bytes = new Uint8Array(2 + text.length + (isAbstract ? 0 : 1))
  bytes[0] = AF_UNIX
  bytes.set(text, 2)
  if (isAbstract) bytes[2] = 0
  return bytes
}

/**
 * The socket that NOTIFY_SOCKET names; undefined when it is not set, as when a person starts us. Takes it and the
 * others of its kind out of the environment. Rejects when its name can't be used, or no socket be opened.
 */
export const takeNotifySocket = async (): Promise<NotifySocket | undefined> => {
  const values = takeOwn()
  const name = values.NOTIFY_SOCKET
  if (name === undefined) return undefined
  const address = socketAddress(name)
  if (address === undefined) {
    throw new Error(`NOTIFY_SOCKET is ${JSON.stringify(name)}, expected a path or @name of at most 107 bytes`)
  }
  const c = await libc()
  const fd = c.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  if (fd < 0) throw new Error(`no socket for NOTIFY_SOCKET could be opened (errno ${c.errno()})`)
  return {
    name,
    watchdogMs: watchdogOf(values),
    send: (text) => {
      const bytes = new TextEncoder().encode(text)
      if (c.sendto(fd, bytes, bytes.length, flags, address, address.length) === bytes.length) return "sent"
      const errno = c.errno()
      return full.has(errno) ? "full" : errno
    },
  }
}
