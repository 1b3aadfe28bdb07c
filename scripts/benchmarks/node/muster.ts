import { join } from "node:path"
import { RpcConnection } from "../../../src/rpc/RpcConnection.ts"
import { Cluster, online } from "../../../test/support/cluster.ts"
import type { Rival } from "./Rival.ts"

const module = join(import.meta.dirname, "../modules/greeter.ts")
let clusters = 0

/** Muster's agent, asked through its manager's API; programs are modules, their workers share one port. */
export const muster = async (): Promise<Rival & { readonly cluster: Cluster }> => {
  const net = ++clusters
  const cluster = new Cluster(`127.6.${net}.1`)
  await cluster.ready()
  const agent = await cluster.join(`127.6.${net}.100`)
  // As it runs for all its life but for the first time: what only joining needs is not loaded.
  await agent.stop()
  const again = agent.start()
  await again.until("the agent is back", async () => (await cluster.node(agent.ip))?.connection === "connected")
  const act = (name: string, action: "start" | "stop") => cluster.api.call("POST", `/services/${name}/${action}`, {})
  return {
    name: "muster",
    cluster,
    daemon: agent.process?.pid ?? 0,
    add: async (name, port, workers) => {
      await cluster.api.create(name, [online(agent.ip, port)])
      const spec = { kind: "module", module, workers, tls: "off", desired: "stopped" }
      await cluster.api.call("PUT", `/services/${name}/process`, spec)
    },
    start: async (name) => void (await act(name, "start")),
    stop: async (name) => void (await act(name, "stop")),
    pids: async (name) => {
      const { process } = await cluster.api.service(name)
      return (process?.instances[0]?.status?.workers ?? []).flatMap(({ pid }) => (pid === null ? [] : [pid]))
    },
    call: async (port) => {
      const connection = await RpcConnection.open({ to: { host: agent.ip, port }, client: "bench" })
      try {
        await connection.call("Greeter.hello", ["world"], { timeoutMs: 5_000 })
      } finally {
        connection.close()
      }
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}
