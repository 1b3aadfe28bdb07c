import { expect, test } from "bun:test"
import type { Endpoint } from "../../../src/domain/Endpoint.ts"
import { endpointChanges } from "../../../src/manager/http/PushPreview.ts"

const endpoint = (ip: string, more: Partial<Endpoint> = {}): Endpoint => ({
  ip,
  port: 9501,
  weight: 100,
  status: "online",
  ...more,
})

test("what a push changes is told by endpoint: gone, new, or different, and nothing of what stays", () => {
  const before = [endpoint("10.0.0.1"), endpoint("10.0.0.2"), endpoint("10.0.0.3")]
  const after = [
    endpoint("10.0.0.2", { weight: 50 }),
    endpoint("10.0.0.3"),
    endpoint("10.0.0.4", { status: "offline" }),
  ]
  expect(endpointChanges(before, after)).toEqual([
    { kind: "removed", ip: "10.0.0.1", port: 9501, before: { weight: 100, status: "online" }, after: null },
    {
      kind: "changed",
      ip: "10.0.0.2",
      port: 9501,
      before: { weight: 100, status: "online" },
      after: { weight: 50, status: "online" },
    },
    { kind: "added", ip: "10.0.0.4", port: 9501, before: null, after: { weight: 100, status: "offline" } },
  ])
})

test("the same list in another order changes nothing", () => {
  const list = [endpoint("10.0.0.1"), endpoint("::1"), endpoint("10.0.0.1", { port: 9502 })]
  expect(endpointChanges(list, list.toReversed())).toEqual([])
})
