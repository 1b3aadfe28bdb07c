import { Context, Data, Effect, Layer } from "effect"
import { makeFolder, publicFolderMode } from "../platform/DurableFile.ts"
import { fleetLayer } from "./fleet/FleetLayer.ts"
import { Joining } from "./fleet/Joining.ts"
import { liveLayer } from "./http/LiveViews.ts"
import { type PageConfig, PageServer } from "./http/PageServer.ts"
import { CliToken } from "./people/CliToken.ts"
import { People } from "./people/People.ts"
import { databaseTarget } from "./store/Database.ts"
import { storeLayer } from "./store/Store.ts"

export type ManagerConfig = PageConfig & {
  /** All that the manager keeps outside of the database. */
  readonly dataDir: string
  /** `sqlite` (the file in the data folder), or `mysql://user:password@host:port/database`. */
  readonly database: string
}

/** It can't be made or written to: somebody else's, read-only, no folder. */
export class DataFolderUnusable extends Data.TaggedError("DataFolderUnusable")<{ readonly message: string }> {}

/** A join token for a node on this very host. */
const localTokenMs = 10 * 60_000

/** The manager as it runs. */
export class ManagerHandle extends Context.Service<
  ManagerHandle,
  {
    readonly url: string
    /** Of a new database: who may log in, shown this once. */
    readonly firstAdmin: { readonly name: string; readonly password: string } | undefined
    /** A one-time token that joins a node without a person. */
    readonly createLocalToken: Effect.Effect<string>
  }
>()("muster/manager/ManagerHandle") {
  static readonly layer = Layer.effect(
    ManagerHandle,
    Effect.gen(function* () {
      const people = yield* People
      const joining = yield* Joining
      const { url } = yield* PageServer
      return ManagerHandle.of({
        url,
        firstAdmin: yield* people.firstRun,
        createLocalToken: joining
          .createToken({ kind: "once", ttlMs: localTokenMs }, "muster")
          .pipe(Effect.map(({ token }) => token)),
      })
    }),
  )
}

/**
 * The manager's parts, each on those below it; they end in the opposite order. Fails with
 * DataFolderUnusable, DatabaseUnusable, AuthorityError or PageUnavailable, each with one sentence for the person who started it.
 */
export const managerLayer = (config: ManagerConfig) => {
  const { dataDir, database } = config
  const target = databaseTarget(database === "sqlite" ? undefined : database, dataDir)
  const parts = ManagerHandle.layer.pipe(
    Layer.provide(PageServer.layer(config)),
    Layer.provide(liveLayer),
    Layer.provide(Layer.mergeAll(fleetLayer(config), People.layer, CliToken.layer(dataDir))),
    Layer.provide(storeLayer(target)),
  )
  const folders = Effect.tryPromise({
    try: () => makeFolder(dataDir, publicFolderMode).then(() => makeFolder(`${dataDir}/manager`)),
    catch: (cause) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      return new DataFolderUnusable({ message: `The data folder ${dataDir} can't be used: ${reason}` })
    },
  })
  return Layer.unwrap(Effect.as(folders, parts))
}
