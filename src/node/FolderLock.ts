import { Data, Effect } from "effect"
import { type FileLock, lockFile, lockOf } from "../platform/FileLock.ts"
import { join } from "../platform/Paths.ts"
import type { DataFolder } from "./DataFolder.ts"
import { CurrentDeparture } from "./Departure.ts"

/** Another agent runs on this data folder, or it can't be found out. */
export class FolderInUse extends Data.TaggedError("FolderInUse")<{ readonly message: string }> {}

const take = Effect.fnUntraced(function* ({ root, socket }: DataFolder, handedOn: number | undefined) {
  // Taken before this program took over in this process: nobody was in between.
  if (handedOn !== undefined) return yield* Effect.promise(() => lockOf(handedOn))
  const path = join(socket.folder, "agent.lock")
  const lock = yield* Effect.tryPromise({
    try: () => lockFile(path),
    catch: (cause) => new FolderInUse({ message: `the lock ${path} can't be taken: ${String(cause)}` }),
  })
  if (lock !== undefined) return lock
  return yield* new FolderInUse({
    message: `another agent runs on the data folder ${root}: stop it first, or use another --data`,
  })
})

/**
 * Holds the data folder for as long as the scope lasts: two agents on one would start everything twice. It is the
 * process that holds it, so nothing that a killed agent leaves behind is in the way of the next.
 */
export const holdFolder = Effect.fn("FolderLock.hold")(function* (folder: DataFolder) {
  const departure = yield* CurrentDeparture
  yield* Effect.acquireRelease(take(folder, departure.found?.lock), (lock: FileLock) =>
    Effect.sync(() => {
      if (departure.how === "upgrade") departure.lock = lock.fd
      else lock.release()
    }),
  )
})
