import { expect, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { waitFor } from "../support/waitFor.ts"

test("a push reaches who is there within a second, names who is not, and reaches it within 5 s of its return", async () => {
  await using cluster = new Cluster("127.1.11.1")
  await cluster.ready()
  const [first, second, third] = [
    await cluster.join("127.1.11.100"),
    await cluster.join("127.1.11.101"),
    await cluster.join("127.1.11.102"),
  ]
  await cluster.greeter("orders", [online(first.ip, 9100), online(second.ip, 9100)])
  expect(third.list("orders")?.revision).toBe(1)

  await third.stop()
  await waitFor(async () => (await cluster.node(third.ip))?.connection === "away", { what: "the third is away" })
  /** Pushes another weight to those that are there; gives how long that took from the change on. */
  const pushed = async (weight: number) => {
    const { revision } = await cluster.api.service("orders")
    const startedAt = performance.now()
    await cluster.api.call("PUT", "/services/orders", {
      name: "orders",
      description: "with another weight",
      tls: "auto",
      endpoints: [online(first.ip, 9100, weight), online(second.ip, 9100)],
      baseRevision: revision,
      override: false,
    })
    const isThere = () =>
      [first, second].every((agent) => agent.list("orders")?.endpoints.some((endpoint) => endpoint.weight === weight))
    const arrived = waitFor(isThere, { what: "the two that are there have it" }).then(() => performance.now())
    const { clients } = await cluster.api.push("orders")
    // The push itself has brought it, and not a later try.
    expect(clients.filter(({ state }) => state === "ok").map(({ ip }) => ip)).toEqual([first.ip, second.ip])
    expect(isThere()).toBe(true)
    return (await arrived) - startedAt
  }
  // The quickest of them, as this host may do much else.
  let quickestMs = Infinity
  for (let weight = 40; weight < 45 && quickestMs >= 1_000; weight++)
    quickestMs = Math.min(quickestMs, await pushed(weight))
  expect(quickestMs).toBeLessThan(1_000)
  const newest = first.list("orders")?.revision ?? 0

  const away = await waitFor(
    async () => {
      const { clientsList } = await cluster.api.service("orders")
      const client = clientsList.find(({ ip }) => ip === third.ip)
      return client?.error !== null && client
    },
    { what: "the third is named with its reason" },
  )
  expect(away.revision).toBe(1)
  expect(away.connection).toBe("away")
  expect(away.error?.message).toMatch(/connect|refused|away/i)
  expect(away.nextTryAt).toBeGreaterThan(0)
  expect(third.list("orders")?.revision).toBe(1)

  const returning = third.start()
  await returning.until("it is back", () => returning.output.includes("listening on"))
  const back = performance.now()
  await waitFor(() => third.list("orders")?.revision === newest, { timeoutMs: 5_000, what: "the third has the newest" })
  expect(performance.now() - back).toBeLessThan(5_000)
  const current = await waitFor(
    async () => {
      const { clientsList } = await cluster.api.service("orders")
      return clientsList.find(({ ip, revision }) => ip === third.ip && revision === newest)
    },
    { what: "the ack of the third is stored" },
  )
  expect(current.error).toBeNull()
}, 90_000)
