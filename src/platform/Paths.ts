import { dirname as nodeDirname, join as nodeJoin } from "node:path"

/** Joins parts of a path. */
export const join = (...parts: ReadonlyArray<string>): string => nodeJoin(...parts)

export const dirname = (path: string): string => nodeDirname(path)
