import { namesIn } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import type { LogFiles } from "../../protocol/LogMessages.ts"
import { outputKey, readLogName } from "./LogNames.ts"
import { LogSource } from "./LogSource.ts"

/** All log files in the folder of a process set, by output, oldest first. */
export const logFiles = async (folder: string): Promise<LogFiles> => {
  const outputs = new Map(
    namesIn(folder).flatMap((name) => {
      const read = readLogName(name)
      return read === undefined ? [] : [[outputKey(read), { place: read.place, stream: read.stream }] as const]
    }),
  )
  const files: Array<LogFiles["files"][number]> = []
  for (const output of outputs.values()) {
    const source = new LogSource(folder, output)
    try {
      await source.look()
      for (const segment of source.segments)
        files.push({
          ...output,
          path: join(folder, segment.name),
          bytes: segment.fileBytes,
          ...(await source.span(segment)),
        })
    } finally {
      // A file that is left to the garbage collection ends the process with an error of the runtime's.
      await source.close()
    }
  }
  return { files }
}
