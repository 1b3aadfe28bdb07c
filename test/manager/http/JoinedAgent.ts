import { makeRequest } from "../../../src/platform/Certificates.ts"
import { waitFor } from "../../support/waitFor.ts"
import { TestAgent } from "../fleet/TestAgent.ts"
import { api, type TestManager } from "./TestManager.ts"

/** An agent that joined over the page, as a node does, and is connected; with a service that has one endpoint on it. */
export const joinedAgent = async (manager: TestManager, name: string, ip: string, port: number) => {
  const call = api(manager)
  const { csr, key } = await makeRequest("node")
  const { token } = (await call("POST", "/tokens", { kind: "once" })).body
  const response = await fetch(`${manager.url}/join`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, name, ip, port, csr, version: "0.0.0" }),
  })
  const joined = await response.json()
  const agent = new TestAgent(joined.nodeId, { key, cert: joined.certificate, ca: joined.ca }, { host: ip, port })
  await agent.start()
  await waitFor(async () => {
    const nodes: ReadonlyArray<{ name: string; connection: string }> = (await call("GET", "/nodes")).body
    return nodes.some((node) => node.name === name && node.connection === "connected")
  })
  return agent
}

/** Makes a service with these endpoints and a process, and waits until each agent runs it. */
export const runService = async (
  manager: TestManager,
  name: string,
  agents: ReadonlyArray<TestAgent>,
  endpoints: ReadonlyArray<{ ip: string; port: number }>,
): Promise<{ id: string }> => {
  const call = api(manager)
  const list = endpoints.map((endpoint) => ({ ...endpoint, weight: 100, status: "online" }))
  const service = (await call("POST", "/services", { name, endpoints: list })).body
  await call("PUT", `/services/${name}/process`, { module: "/srv/module.ts" })
  await waitFor(() =>
    agents.every((agent) => agent.processes.at(-1)?.processes.some(({ spec }) => spec.service === name)),
  )
  return service
}
