import { expect, test } from "bun:test"
import { context, task } from "../../src/service/index.ts"
import { runWithin } from "../../src/service/CallContext.ts"
import { installHost, logged, makeCall } from "./TestCall.ts"

const queued = installHost()

test("context gives the call's own, also to a function that the handler calls, and the same one twice", () => {
  const inner = () => context()
  const peer = { commonName: "node:n1", serial: "01", addresses: [] }
  const call = makeCall({ peer: peer as never, client: "shop", remote: "10.0.0.1:5" })
  const [ctx, same] = runWithin(call, () => [context(), inner()], undefined, []) as [
    ReturnType<typeof context>,
    ReturnType<typeof context>,
  ]
  expect(same).toBe(ctx)
  expect(ctx.service).toBe("orders")
  expect(ctx.method).toBe("find")
  expect(ctx.caller).toEqual({ name: "shop", certificate: "node:n1", remote: "10.0.0.1:5" })
  expect(ctx.remainingMs()).toBe(400)
  expect(ctx.signal.aborted).toBe(false)
})

test("after an await, and outside of a call, it says what to do", async () => {
  const late = runWithin(
    makeCall(),
    async () => (await Promise.resolve(), context()),
    undefined,
    [],
  ) as Promise<unknown>
  await expect(late).rejects.toThrow("Ask at the top of the handler")
  expect(() => context()).toThrow("outside of a call")
})

test("a call within a call gets its own context, and the outer one has its own again", () => {
  const outer = makeCall({ method: "outer" })
  const names = runWithin(
    outer,
    () => [runWithin(makeCall({ method: "inner" }), () => context().method, undefined, []), context().method],
    undefined,
    [],
  )
  expect(names).toEqual(["inner", "outer"])
})

test("a call keeps its context, whatever other calls come in between", () => {
  const [one, other] = [makeCall({ method: "one" }), makeCall({ method: "other" })]
  const ask = (call: typeof one) => runWithin(call, () => context(), undefined, [])
  const first = ask(one)
  const second = ask(other)
  expect(ask(one)).toBe(first)
  expect(ask(other)).toBe(second)
  expect(second).not.toBe(first)
})

test("a call goes on in its caller's trace, as a span of its own", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  const { trace } = runWithin(makeCall({ meta: { traceparent } }), () => context(), undefined, []) as ReturnType<
    typeof context
  >
  expect(trace.traceId).toBe("0af7651916cd43dd8448eb211c80319c")
  expect(trace.spanId).toMatch(/^[\da-f]{16}$/)
  expect(trace.spanId).not.toBe("b7ad6b7169203331")
  expect(trace.traceparent).toBe(`00-0af7651916cd43dd8448eb211c80319c-${trace.spanId}-01`)
})

test.each([
  undefined,
  7,
  "nonsense",
  `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
  `ff-${"1".repeat(32)}-b7ad6b7169203331-01`,
])("a traceparent that is none (%p) begins a new trace", (traceparent) => {
  const { trace } = runWithin(makeCall({ meta: { traceparent } }), () => context(), undefined, []) as ReturnType<
    typeof context
  >
  expect(trace.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/)
  expect(trace.traceId).not.toMatch(/^[01]+$/)
})

test("log lines carry the trace, and a task the traceparent", async () => {
  const ctx = runWithin(makeCall(), () => context(), undefined, []) as ReturnType<typeof context>
  ctx.log.warn("late", { by: 3 })
  expect(logged.at(-1)).toEqual({ level: "warn", message: "late", fields: { trace: ctx.trace.traceId, by: 3 } })
  expect(await ctx.task("resize", { width: 3 }, { delayMs: 5 })).toBe("task-1")
  expect(await task("resize", 1)).toBe("task-2")
  expect(queued).toEqual([
    ["resize", { width: 3 }, { delayMs: 5 }, { traceparent: ctx.trace.traceparent, withinMs: 400 }],
    ["resize", 1, {}, {}],
  ])
})
