import { removeSocketFile } from "../platform/SocketFile.ts"
import { listen } from "../platform/Transport.ts"
import { ownPid } from "../platform/WorkerHost.ts"
import { methodsOf, RpcServer } from "../rpc/RpcServer.ts"
import { pingSocketPath, type WorkerSettings } from "../protocol/WorkerLink.ts"
import { firstLine, log } from "./Log.ts"

/**
 * Answers `ping` on a unix socket of this worker's own, for its agent's probes: on the service's port any worker may
 * answer. Without it calls are answered as well.
 */
export const answerPings = async ({ agentSocket, count, service, slot }: WorkerSettings): Promise<void> => {
  const path = pingSocketPath(agentSocket, ownPid())
  const server = new RpcServer({ service, worker: { id: slot, count }, methods: methodsOf(new Map()) })
  try {
    removeSocketFile(path)
    await listen({ on: { path }, onConnection: (duplex) => server.accept(duplex) })
  } catch (error) {
    log("WARN", `no socket for the agent's probes: ${firstLine(error)}`)
  }
}
