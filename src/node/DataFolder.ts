import { Effect } from "effect"
import { publicFolderMode } from "../platform/DurableFile.ts"
import { join } from "../platform/Paths.ts"
import { agentSocketPath } from "../platform/RuntimeFolder.ts"
import { Disk } from "./Disk.ts"

/** Where everything of a node lies. All of its state is here: a node that has it needs nobody to start. */
export const dataFolder = (dataDir: string) => ({
  root: dataDir,
  tls: join(dataDir, "tls"),
  discovery: join(dataDir, "discovery"),
  processes: join(dataDir, "processes.json"),
  trust: join(dataDir, "trust.json"),
  tasks: join(dataDir, "tasks.db"),
  logs: join(dataDir, "logs"),
  crashes: join(dataDir, "crashes"),
  cron: {
    set: join(dataDir, "cron.json"),
    history: join(dataDir, "cron.db"),
  },
  socket: agentSocketPath(dataDir),
  // A folder of its own, as others may enter it; and one that can be given to a container, unlike a file that is made anew.
  gateway: join(dataDir, "gateway"),
})
export type DataFolder = ReturnType<typeof dataFolder>

/** Makes the folders a node writes to. */
export const makeFolders = Effect.fn("DataFolder.make")(function* (folder: DataFolder) {
  const disk = yield* Disk
  yield* disk.makeFolder(folder.root, publicFolderMode)
  // Also removes what a write that was cut off has left behind.
  yield* disk.list(folder.root)
  // Endpoint lists are no secret, and programs of other users read them.
  yield* disk.makeFolder(folder.discovery, publicFolderMode)
  yield* disk.makeFolder(folder.logs)
  yield* disk.makePrivateFolder(folder.socket.folder)
})
