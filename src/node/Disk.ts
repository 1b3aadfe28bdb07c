import { Context, Data, Effect, Layer, Schema } from "effect"
import {
  listFolder,
  makeFolder,
  makePrivateFolder,
  readText,
  removeDurably,
  removeFolder,
  setAside,
  writeDurably,
} from "../platform/DurableFile.ts"

/** The disk said no: full, read-only, not permitted, broken. */
export class DiskFailed extends Data.TaggedError("DiskFailed")<{ readonly path: string; readonly reason: string }> {
  override get message() {
    return `${this.path}: ${this.reason}`
  }
}

/** The node's view of the disk. Writes are whole and durable when they return. */
export class Disk extends Context.Service<
  Disk,
  {
    readonly read: (path: string) => Effect.Effect<string | undefined, DiskFailed>
    /** `mode`: who may read it; default 0600. */
    readonly write: (path: string, text: string, mode?: number) => Effect.Effect<void, DiskFailed>
    readonly remove: (path: string) => Effect.Effect<void, DiskFailed>
    /** With all that is in it. */
    readonly removeFolder: (path: string) => Effect.Effect<void, DiskFailed>
    readonly list: (path: string) => Effect.Effect<ReadonlyArray<string>, DiskFailed>
    readonly makeFolder: (path: string, mode?: number) => Effect.Effect<void, DiskFailed>
    /** Only this user may enter it, and it is no one else's. */
    readonly makePrivateFolder: (path: string) => Effect.Effect<void, DiskFailed>
    /** Keeps a file that can't be used out of the way; gives its new path. */
    readonly setAside: (path: string) => Effect.Effect<string, DiskFailed>
  }
>()("muster/node/Disk") {
  static readonly layer = Layer.sync(Disk, () => {
    const attempt = <A>(path: string, act: () => Promise<A>) =>
      Effect.tryPromise({
        try: act,
        catch: (cause) => new DiskFailed({ path, reason: cause instanceof Error ? cause.message : String(cause) }),
      })
    return Disk.of({
      read: (path) => attempt(path, () => readText(path)),
      write: (path, text, mode) => attempt(path, () => writeDurably(path, text, mode)),
      remove: (path) => attempt(path, () => removeDurably(path)),
      removeFolder: (path) => attempt(path, () => removeFolder(path)),
      list: (path) => attempt(path, () => listFolder(path)),
      makeFolder: (path, mode) => attempt(path, () => makeFolder(path, mode)),
      makePrivateFolder: (path) => attempt(path, () => makePrivateFolder(path)),
      setAside: (path) => attempt(path, () => setAside(path)),
    })
  })
}

/**
 * Reads a state file of the node. One that is damaged is kept aside and reported, and counts as missing: the manager
 * sends its content again, and a node that starts without it is better than one that doesn't start.
 */
export const readState = <S extends Schema.Codec<unknown, unknown>>(path: string, schema: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
  return Effect.gen(function* () {
    const disk = yield* Disk
    const text = yield* disk.read(path)
    if (text === undefined) return undefined
    return yield* decode(text).pipe(
      Effect.catchTag("SchemaError", (error) =>
        disk.setAside(path).pipe(
          Effect.flatMap((aside) =>
            Effect.logError(`${path} is damaged and was set aside as ${aside}: ${error.message.replaceAll("\n", " ")}`),
          ),
          Effect.as(undefined),
        ),
      ),
    )
  })
}

/** The text of a state file: JSON that a person can read. */
export const stateText = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`
