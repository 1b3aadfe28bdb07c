import process from "node:process"
import { type ProcessRow, ProcessTable } from "./ProcessTable.ts"

export type MarkedProcess = { readonly row: ProcessRow; readonly mark: string }

/**
 * The processes that run now and have a mark that begins so. Another user's may have made it up, so they count only for
 * root, which starts programs as other users.
 */
export const markedProcesses = (start: string): ReadonlyArray<MarkedProcess> => {
  const own = process.getuid?.() ?? 0
  return [...ProcessTable.read().rows].flatMap((row) => {
    const mark = row.hasEnded || row.pid === process.pid ? undefined : row.run
    return mark?.startsWith(start) === true && (own === 0 || row.uid === own) ? [{ row, mark }] : []
  })
}
