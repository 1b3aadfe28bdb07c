// What a module can say with `muster/service`: schemas, the context of a call, streams and queued tasks. Its process spec
// needs a task worker or more. Then: muster call orders place '{"sku":"A-1","count":2}', and muster call orders follow --stream
import { context, method, RpcError, type StandardSchema, type TaskContext } from "muster/service"

type Order = { readonly sku: string; readonly count: number }

const isOrder = (value: unknown): value is Order =>
  typeof value === "object" && value !== null && "sku" in value && "count" in value && typeof value.sku === "string"

/** Written by hand to need nothing; a schema of Effect, Zod or Valibot goes in its place. */
const Order: StandardSchema<Order> = {
  "~standard": {
    version: 1,
    vendor: "example",
    validate: (value) => (isOrder(value) ? { value } : { issues: [{ message: "Expected { sku, count }" }] }),
  },
}

const placed: Array<Order> = []

/** Runs before the first call. What it rejects with keeps the worker from getting any. */
export const ready = async () => {
  await Promise.resolve()
}

export const place = method({
  description: "Places an order, and has its invoice written later",
  input: Order,
  concurrency: 100,
  handler: async (order, ctx) => {
    if (order.count > 1_000) throw new RpcError("out_of_range", "Nobody orders so many", { details: { most: 1_000 } })
    placed.push(order)
    ctx.log.info("placed", order)
    return { invoice: await ctx.task("invoice", order, { delayMs: 100 }) }
  },
})

export const count = method({
  idempotent: true,
  handler: (sku: string) => placed.filter((one) => one.sku === sku).length,
})

/** Who is asking? A plain function asks for its context before its first `await`. */
export const whoami = () => context().caller

/** Each order as it comes, until the caller has heard enough. */
export const follow = async function* () {
  const { signal } = context()
  for (let at = 0; !signal.aborted;) {
    while (at < placed.length) yield placed[at++]
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Run by the task workers, at least once each, also after a crash. */
export const tasks = {
  invoice: async (order: Order, ctx: TaskContext) => {
    ctx.log.info("invoice written", { ...order, attempt: ctx.attempt })
    await Promise.resolve()
  },
}
