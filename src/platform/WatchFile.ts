import { type FSWatcher, statSync, watch } from "node:fs"
import { basename, dirname } from "node:path"

export interface FileWatch {
  close(): void
}

const pollMs = 1_000

/**
 * Calls `onChange` soon after the file at `path` was made, replaced, written or removed. It is the folder that is
 * watched, since a file that is replaced by a rename is a new file each time. A slow poll finds what the watch misses
 * (a folder that doesn't exist yet, a file system without notices). Neither keeps the process alive.
 */
export const watchFile = (path: string, onChange: () => void): FileWatch => {
  const folder = dirname(path)
  const name = basename(path)
  let seen = stamp(path)
  let watcher: FSWatcher | undefined
  let watched: bigint | undefined
  const look = () => {
    const now = stamp(path)
    if (now === seen) return
    seen = now
    onChange()
  }
  const drop = () => {
    watcher?.close()
    watcher = undefined
  }
  const open = () => {
    try {
      watched = inode(folder)
      watcher = watch(folder, { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) look()
      })
      watcher.on("error", drop)
    } catch {
      watcher = undefined
    }
  }
  open()
  const timer = setInterval(() => {
    // A folder that was removed and made again leaves a watch on nothing.
    if (watcher === undefined || inode(folder) !== watched) {
      drop()
      open()
    }
    look()
  }, pollMs)
  timer.unref()
  return {
    close: () => {
      clearInterval(timer)
      drop()
    },
  }
}

const stamp = (path: string): string | undefined => {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? undefined : `${stat.ino}:${stat.mtimeNs}:${stat.size}`
}

const inode = (path: string): bigint | undefined => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
