import { constants, openSync } from "node:fs"
import { type Libc, libc, loadedLibc } from "./Libc.ts"

const F_SETFD = 2
const FD_CLOEXEC = 1
const O_CLOEXEC = 0o2000000
const firstOther = 3

/** Where a process finds its descriptors 3, 4, … at first: their numbers, with commas. */
const variable = "MUSTER_FDS"

const reserved: Array<number> = []

/** Held at 3, 4, … from the first moment on, so that the child's runtime has nothing of its own there. One for each, as Deno maps none twice. */
const reserve = (at: number) => (reserved[at] ??= openSync("/dev/null", constants.O_RDONLY | O_CLOEXEC))

/** What is started meanwhile inherits descriptors of ours in their place. */
export const inheriting = <A>(fds: ReadonlyArray<number>, start: () => A): A => {
  if (fds.length === 0) return start()
  const c = loadedLibc()
  for (const fd of fds) c.fcntl(fd, F_SETFD, 0)
  try {
    return start()
  } finally {
    for (const fd of fds) c.fcntl(fd, F_SETFD, FD_CLOEXEC)
  }
}

type Handed = { readonly fds: ReadonlyArray<number>; readonly env: Readonly<Record<string, string>> }

/**
 * Starts a child that gets descriptors of ours as 3, 4, … when it calls `takeFds`. Deno would map them itself, but it
 * clears O_NONBLOCK on each, for all who share the socket: a worker beside the child would stand still in `accept`. So
 * they are inherited in their place, and the child moves them.
 */
export const handFds = <A>(fds: ReadonlyArray<number>, start: (handed: Handed) => A): A => {
  if (fds.length === 0) return start({ fds: [], env: {} })
  return inheriting(fds, () => start({ fds: fds.map((_, at) => reserve(at)), env: { [variable]: fds.join(",") } }))
}

const move = (c: Libc, fds: ReadonlyArray<number>): void => {
  for (const [at, fd] of fds.entries()) {
    if (c.dup2(fd, firstOther + at) < 0) throw new Error(`the descriptor ${fd} was not inherited`)
    c.close(fd)
  }
}

/** At the start of a program that was given descriptors: from here on they are 3, 4, … */
export const takeFds = async (): Promise<void> => {
  const text = process.env[variable]
  delete process.env[variable]
  if (text !== undefined) move(await libc(), text.split(",").map(Number))
}
