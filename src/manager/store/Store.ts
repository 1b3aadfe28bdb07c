import { Layer } from "effect"
import { AuditRepo } from "./AuditRepo.ts"
import { ClientsRepo } from "./ClientsRepo.ts"
import { CronRunsRepo } from "./CronRunsRepo.ts"
import { CronTasksRepo } from "./CronTasksRepo.ts"
import { Database, type DatabaseTarget } from "./Database.ts"
import { DeliveriesRepo } from "./DeliveriesRepo.ts"
import { JoinTokensRepo } from "./JoinTokensRepo.ts"
import { ListsRepo } from "./ListsRepo.ts"
import { NodesRepo } from "./NodesRepo.ts"
import { ProcessSpecsRepo } from "./ProcessSpecsRepo.ts"
import { ServicesRepo } from "./ServicesRepo.ts"
import { SessionsRepo } from "./SessionsRepo.ts"
import { SettingsRepo } from "./SettingsRepo.ts"
import { UsersRepo } from "./UsersRepo.ts"

/** The database, and all repositories on it. Fails with DatabaseUnusable. */
export const storeLayer = (target: DatabaseTarget) =>
  Layer.mergeAll(
    AuditRepo.layer,
    ClientsRepo.layer,
    CronRunsRepo.layer,
    CronTasksRepo.layer,
    DeliveriesRepo.layer,
    JoinTokensRepo.layer,
    ListsRepo.layer,
    NodesRepo.layer,
    ProcessSpecsRepo.layer,
    ServicesRepo.layer,
    SessionsRepo.layer,
    UsersRepo.layer,
  ).pipe(Layer.provideMerge(SettingsRepo.layer), Layer.provideMerge(Database.layer(target)))
