import { expect, test } from "bun:test"
import { needsNewWorkers } from "../../src/domain/Launch.ts"
import { type ModuleSpec, specDefaults } from "../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings, type RpcSettings } from "../../src/domain/RpcSettings.ts"

const spec: ModuleSpec = {
  ...specDefaults,
  service: "greeter" as ModuleSpec["service"],
  kind: "module",
  module: "/srv/greeter.ts",
  workers: 2,
  env: { A: "1", B: "2" },
  tls: "auto",
  rpc: { ...defaultRpcSettings, methodConcurrency: { one: 1, two: 2 } },
}
const rpc = (over: Partial<RpcSettings>): Partial<ModuleSpec> => ({ rpc: { ...spec.rpc, ...over } })

const changes: ReadonlyArray<readonly [what: string, change: Partial<ModuleSpec>, fresh: boolean]> = [
  ["nothing", {}, false],
  ["the module", { module: "/srv/other.ts" }, true],
  ["a variable", { env: { A: "1", B: "3" } }, true],
  ["the order of variables", { env: { B: "2", A: "1" } }, false],
  ["TLS", { tls: "on" }, true],
  ["the number of workers", { workers: 3 }, false],
  ["the time to drain", { drainTimeoutMs: 1 }, false],
  ["whether it is to run", { desired: "stopped" }, false],
  ["the number of task workers", rpc({ taskWorkers: 2 }), false],
  ["when workers are recycled", rpc({ maxRequests: 100, maxRssBytes: 1, maxLifetimeMs: 1 }), false],
  ["how long keys are kept", rpc({ idempotencyWindowMs: 5_000 }), false],
  ["whether keys are kept", rpc({ idempotencyWindowMs: 0 }), true],
  ["the queue of the port", rpc({ backlog: 1 }), false],
  ["the largest frame", rpc({ maxFrameBytes: 65_536 }), true],
  ["a method's concurrency", rpc({ methodConcurrency: { one: 1, two: 3 } }), true],
  ["the order of methods", rpc({ methodConcurrency: { two: 2, one: 1 } }), false],
  ["the predecessor's clients", rpc({ legacy: true }), true],
]

for (const [what, change, fresh] of changes) {
  test(`a change of ${what} ${fresh ? "needs new workers" : "leaves the workers as they are"}`, () => {
    expect(needsNewWorkers(spec, { ...spec, ...change })).toBe(fresh)
  })
}
