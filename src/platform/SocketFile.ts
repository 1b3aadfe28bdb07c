import { rmSync } from "node:fs"

/** sun_path holds 108 bytes, the last of them 0. */
const socketPathMax = 107

/** Whether a unix socket can have this path. */
export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= socketPathMax

/** A socket file outlives its listener; it must go before the next one can listen. */
export const removeSocketFile = (path: string): void => rmSync(path, { force: true })
