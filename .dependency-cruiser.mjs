// The import rule of docs/architecture.md: effect <- domain <- protocol <- rpc <- client <- service <- worker.
const only = (name, from, allowed) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: "^(src|ui)/", pathNot: [from, ...allowed] },
})

export default {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: ["^src/main\\.ts$", "\\.d\\.ts$", "^ui/assets/"] },
      to: {},
    },
    only("domain-imports-nothing", "^src/domain/", []),
    only("protocol-imports-domain", "^src/protocol/", ["^src/domain/"]),
    only("platform-imports-domain", "^src/platform/", ["^src/domain/"]),
    only("rpc-imports-protocol", "^src/rpc/", ["^src/(protocol|platform|domain)/"]),
    only("client-imports-rpc", "^src/client/", ["^src/(rpc|protocol|platform|domain)/"]),
    only("service-imports-client", "^src/service/", ["^src/(client|rpc|protocol|platform|domain)/"]),
    only("worker-imports-service", "^src/worker/", ["^src/(service|client|rpc|protocol|platform|domain)/"]),
    only("node-imports-no-manager", "^src/node/", ["^src/(client|rpc|protocol|platform|domain)/"]),
    only("manager-imports-no-node", "^src/manager/", ["^src/(rpc|protocol|platform|domain)/", "^ui/"]),
    only("ui-is-pure", "^ui/", ["^src/domain/"]),
    {
      name: "only-http-renders",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/manager/http/" },
      to: { path: "^ui/" },
    },
    {
      name: "store-is-a-leaf",
      severity: "error",
      from: { path: "^src/manager/store/" },
      to: { path: "^src/manager/(http|fleet|people)/" },
    },
    {
      name: "fleet-knows-no-http",
      severity: "error",
      from: { path: "^src/manager/(fleet|people)/" },
      to: { path: "^src/manager/http/" },
    },
    {
      name: "discovery-and-supervisor-know-no-control",
      severity: "error",
      from: { path: "^src/node/(supervisor|discovery)/" },
      to: { path: "^src/node/control/" },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
}
