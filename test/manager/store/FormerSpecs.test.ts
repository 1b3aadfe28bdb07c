import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Effect, type Layer, ManagedRuntime } from "effect"
import { rpcOf, specDefaults } from "../../../src/domain/ProcessSpec.ts"
import { defaultRpcSettings } from "../../../src/domain/RpcSettings.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { Database } from "../../../src/manager/store/Database.ts"
import { ProcessSpecsRepo, type StoredSpec } from "../../../src/manager/store/ProcessSpecsRepo.ts"
import { ServicesRepo } from "../../../src/manager/store/ServicesRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { engines, removeFresh, startMs } from "./engines.ts"

type Store = Layer.Success<ReturnType<typeof storeLayer>>

const former = {
  kind: "module" as const,
  module: "/srv/a.ts",
  workers: 2,
  env: {},
  tls: "auto" as const,
  desired: "running" as const,
  drainTimeoutMs: 30_000,
}
const spec = { ...specDefaults, ...former }

const rpcIn = (stored: StoredSpec | undefined) => stored && rpcOf(stored.spec)

afterAll(removeFresh)

describe.each(engines)("process specs on $name", ({ fresh }) => {
  let runtime: ManagedRuntime.ManagedRuntime<Store, unknown>
  beforeAll(async () => void (runtime = ManagedRuntime.make(storeLayer(await fresh()))), startMs)
  afterAll(() => runtime.dispose())

  test("of before the settings have their defaults, and keep those that are set", () =>
    runtime.runPromise(
      Effect.gen(function* () {
        const service = { name: ServiceName.make("former"), description: "", tls: "auto" as const }
        const { id } = yield* (yield* ServicesRepo).create(service, "ann")
        const specs = yield* ProcessSpecsRepo
        yield* specs.set(id, { ...spec, rpc: defaultRpcSettings }, "ann")
        yield* (yield* Database).run((db) =>
          db
            .updateTable("process_revision")
            .set({ spec: JSON.stringify(former) })
            .where("service_id", "=", id)
            .execute(),
        )
        expect(rpcIn(yield* specs.get(id))).toEqual(defaultRpcSettings)
        const rpc = { ...defaultRpcSettings, maxConnections: 5, methodConcurrency: { hello: 1 }, legacy: true }
        yield* specs.set(id, { ...spec, rpc }, "ann")
        expect(rpcIn(yield* specs.get(id))).toEqual(rpc)
      }),
    ))
})
