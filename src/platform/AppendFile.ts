import { closeSync, openSync } from "node:fs"

/** A descriptor that appends to a file. Throws with the reason when it can't be opened. */
export const openAppend = (path: string): { readonly fd: number; readonly close: () => void } => {
  const fd = openSync(path, "a", 0o640)
  return { fd, close: () => closeSync(fd) }
}
