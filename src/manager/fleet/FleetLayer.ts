import { Layer } from "effect"
import { ActionBoard } from "./ActionBoard.ts"
import { Actions } from "./Actions.ts"
import { Aftermath } from "./Aftermath.ts"
import { Authority } from "./Authority.ts"
import { BulkActions } from "./BulkActions.ts"
import { CallConsole } from "./CallConsole.ts"
import { Calls } from "./Calls.ts"
import { Changes } from "./Changes.ts"
import { CronBulk } from "./cron/CronBulk.ts"
import { CronSync } from "./cron/CronSync.ts"
import { CronTasks } from "./cron/CronTasks.ts"
import { CronRuns } from "./cron/CronRuns.ts"
import { Deliveries } from "./Deliveries.ts"
import { Desired } from "./Desired.ts"
import { Fleet } from "./Fleet.ts"
import { Inspections } from "./Inspections.ts"
import { Joining } from "./Joining.ts"
import { NodeList } from "./NodeList.ts"
import { Overview } from "./Overview.ts"
import { Pushes } from "./Pushes.ts"
import { Reloads } from "./Reloads.ts"
import { ServiceLogs } from "./ServiceLogs.ts"
import { Services } from "./Services.ts"
import { Sessions } from "./Sessions.ts"
import { Tasks } from "./Tasks.ts"

/** All of the fleet, on a store (storeLayer). Ends every session, and stores what was acked, with its scope. */
export const fleetLayer = (config: { readonly dataDir: string }) =>
  Layer.mergeAll(
    Joining.layer,
    Fleet.layer,
    BulkActions.layer,
    CallConsole.layer,
    Tasks.layer,
    CronBulk.layer.pipe(Layer.provideMerge(CronRuns.layer)),
    ServiceLogs.layer,
    Inspections.layer,
  ).pipe(
    Layer.provideMerge(Services.layer),
    Layer.provideMerge(Actions.layer),
    Layer.provideMerge(Layer.mergeAll(NodeList.layer, Calls.layer, Reloads.layer, CronTasks.layer)),
    Layer.provideMerge(Layer.mergeAll(Pushes.layer, Overview.layer, Aftermath.layer)),
    Layer.provideMerge(Sessions.layer),
    Layer.provideMerge(Layer.mergeAll(CronSync.layer, Deliveries.layer, Desired.layer, ActionBoard.layer)),
    Layer.provideMerge(Layer.mergeAll(Changes.layer, Authority.layer(config))),
  )
