// Releases the list of node_manager some times on a database (a file or a URL), as a second manager process would.
import process from "node:process"
import { Effect } from "effect"
import { databaseTarget } from "../../../src/manager/store/Database.ts"
import { ListsRepo } from "../../../src/manager/store/ListsRepo.ts"
import { ServicesRepo } from "../../../src/manager/store/ServicesRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"

const [database, times = "0"] = process.argv.slice(2)

const releases = Effect.gen(function* () {
  const lists = yield* ListsRepo
  const service = yield* (yield* ServicesRepo).byName("node_manager")
  const revisions: Array<number> = []
  for (let round = 0; round < Number(times); round++) {
    const { revision } = yield* lists.release(service.id, { endpoints: [], tls: "on", by: "second process" })
    revisions.push(revision)
  }
  return revisions
})

console.log(
  JSON.stringify(await Effect.runPromise(releases.pipe(Effect.provide(storeLayer(databaseTarget(database, ".")))))),
)
