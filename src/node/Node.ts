import { Context, Data, Effect, Layer, References } from "effect"
import { endpointKey } from "../domain/Endpoint.ts"
import { version } from "../platform/Version.ts"
import { assertListenable, ControlPort } from "./control/ControlPort.ts"
import { NodeMethods } from "./control/NodeMethods.ts"
import { careLayer } from "./care/Care.ts"
import { crashPruning } from "./crashes/CrashPruning.ts"
import { Crashes } from "./crashes/Crashes.ts"
import { Cron } from "./cron/Cron.ts"
import { CronRunner } from "./cron/CronRunner.ts"
import { type DataFolder, dataFolder, makeFolders } from "./DataFolder.ts"
import { CurrentDeparture, Departure } from "./Departure.ts"
import { Disk } from "./Disk.ts"
import { Discovery } from "./discovery/Discovery.ts"
import { Gateway, type GatewayConfig } from "./gateway/Gateway.ts"
import { type Membership, readMembership } from "./joining/Identity.ts"
import { join } from "./joining/Join.ts"
import { EachSecond } from "./EachSecond.ts"
import { NodeChanges } from "./NodeChanges.ts"
import { holdFolder } from "./FolderLock.ts"
import { Limiting } from "./limits/Limiting.ts"
import { Notices } from "./Notices.ts"
import { Pipes } from "./Pipes.ts"
import { Logs } from "./logs/Logs.ts"
import { adopting } from "./running/Adopting.ts"
import { leftovers } from "./running/Leftovers.ts"
import { Runs } from "./running/Runs.ts"
import { AgentSocket } from "./supervisor/AgentSocket.ts"
import { Launcher } from "./supervisor/Launcher.ts"
import { prober } from "./supervisor/probes/Prober.ts"
import { SlotSockets } from "./supervisor/SlotSockets.ts"
import { Supervisor } from "./supervisor/Supervisor.ts"
import { WorkerRegistry } from "./supervisor/WorkerRegistry.ts"
import { taskMethods } from "./tasks/TaskMethods.ts"
import { TaskQueues } from "./tasks/TaskQueues.ts"
import { Trust } from "./trust/Trust.ts"
import { Usage } from "./usage/Usage.ts"

export type NodeConfig = {
  /** All the state of the node. */
  readonly dataDir: string
  /** Where the agent listens; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** The address others reach this node at, when it is not the one it listens on. */
  readonly advertise?: string | undefined
  readonly name: string
  /** Needed at the first start only. */
  readonly join?: { readonly url: string; readonly token: string } | undefined
  /** HTTP for callers on this host; undefined: none. */
  readonly gateway?: GatewayConfig | undefined
  /** A main.ts that the workers run, from source only; default: this program's own. */
  readonly entry?: string | undefined
  /** How it is to end, and what the program before it in this process has left; default: it stops its services. */
  readonly departure?: Departure | undefined
}

/** The node has no certificate, and was not told where to get one. */
export class NotJoined extends Data.TaggedError("NotJoined")<{ readonly message: string }> {}

/** A running node. */
export class NodeHandle extends Context.Service<
  NodeHandle,
  {
    readonly nodeId: string
    readonly port: number
    /** Where HTTP callers reach it; undefined: it is switched off, or waits for its port. */
    readonly gatewayUrl: string | undefined
  }
>()("muster/node/NodeHandle") {}

const membership = Effect.fn("Node.membership")(function* (config: NodeConfig) {
  if (config.join !== undefined) {
    const { advertise, dataDir, listen, name } = config
    return yield* join({ ...config.join, advertise, dataDir, listen, name, version })
  }
  const known = yield* readMembership(config.dataDir)
  if (known !== undefined) return known
  return yield* new NotJoined({
    message: `this node belongs to no cluster yet: take the join command from the manager's page (Nodes), or give --join URL --token TOKEN (data folder ${config.dataDir})`,
  })
})

/** What looks after the processes while they run. */
const looksAfter = (folder: DataFolder, nodeId: string, entry: string | undefined) => {
  const probes = { tlsFolder: folder.tls, socket: folder.socket, certificateName: `node:${nodeId}`, entry }
  const crashes = Crashes.layer(folder.crashes)
  return Layer.mergeAll(prober(probes), Crashes.hooks.pipe(Layer.provideMerge(crashes))).pipe(
    Layer.provideMerge(careLayer),
    Layer.provide([Usage.layer, Limiting.layer(folder.root)]),
  )
}

const services = (folder: DataFolder, nodeId: string, entry: string | undefined) => {
  const socket = AgentSocket.layer(folder).pipe(Layer.provide(taskMethods))
  const pipes = Pipes.layer(folder).pipe(Layer.provide(socket))
  const logs = Logs.layer(folder).pipe(Layer.provide(pipes))
  const launcher = Launcher.layer(folder, entry).pipe(Layer.provide(socket), Layer.provideMerge(Runs.layer(folder)))
  const supervisor = Supervisor.layer(folder.processes).pipe(Layer.provide(adopting(folder)))
  const running = Layer.merge(leftovers, crashPruning).pipe(
    Layer.provideMerge(supervisor),
    Layer.provide(launcher),
    Layer.provide(SlotSockets.layer),
  )
  // With the socket: its owner knows that no other agent runs these tasks.
  const cron = Cron.layer(folder.cron).pipe(
    Layer.provide(CronRunner.layer(folder, entry)),
    Layer.provide([socket, pipes]),
  )
  return Layer.mergeAll(cron, Trust.layer(folder.trust), running).pipe(
    Layer.provideMerge(looksAfter(folder, nodeId, entry)),
    Layer.provideMerge(Discovery.layer(folder.discovery)),
    Layer.provideMerge(logs),
    Layer.provideMerge(TaskQueues.layer(folder.tasks)),
    Layer.provide(WorkerRegistry.layer),
  )
}

const handle = (config: NodeConfig, member: Membership) =>
  Layer.effect(
    NodeHandle,
    Effect.gen(function* () {
      const { port } = yield* ControlPort
      const { url: gatewayUrl } = yield* Gateway
      yield* Effect.logInfo(`listening on ${config.listen.host}:${port}`)
      const known = member.identity
      if (known.port !== port) {
        yield* Effect.logWarning(
          `joined as ${endpointKey(known)}, where the manager looks for it: join again, or listen on port ${known.port}`,
        )
      }
      return NodeHandle.of({ nodeId: member.identity.nodeId, port, gatewayUrl })
    }),
  )

/**
 * The node role: joins if it has to, starts what its data folder says it runs, and listens for the manager. Fails with
 * a tagged error whose message is one sentence for a person. Its end stops the services, within a bounded time, or
 * leaves them to the next agent, as its departure says.
 */
export const nodeLayer = (config: NodeConfig) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const folder = dataFolder(config.dataDir)
      const member = yield* membership(config)
      yield* makeFolders(folder)
      yield* assertListenable(config.listen)
      yield* holdFolder(folder)
      const { nodeId } = member.identity
      const control = ControlPort.layer({ listen: config.listen, tls: member.tls }).pipe(
        Layer.provide(NodeMethods.layer({ nodeId, version })),
      )
      const gateway = config.gateway === undefined ? Gateway.off : Gateway.layer(config.gateway, folder)
      return handle(config, member).pipe(
        // After the control port: who finds another agent on its folder must not take that one's socket.
        Layer.provide(Layer.provideMerge(gateway, control)),
        Layer.provide(services(folder, nodeId, config.entry)),
        Layer.provide(Notices.layer.pipe(Layer.provideMerge(NodeChanges.layer))),
        Layer.provide(EachSecond.layer),
      )
    }),
  ).pipe(
    Layer.provide([
      Disk.layer,
      Layer.succeed(CurrentDeparture, config.departure ?? new Departure()),
      Layer.succeed(References.CurrentLogAnnotations, { node: config.name }),
    ]),
  )
