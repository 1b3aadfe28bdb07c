import { Schema } from "effect"
import { context, method, RpcError } from "muster/service"

const Size = Schema.toStandardSchemaV1(Schema.Struct({ width: Schema.Int }))

let isReady = false
export const ready = async () => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  isReady = true
}

export const resize = method({
  input: Size,
  concurrency: 1,
  handler: async ({ width }, ctx) => {
    if (width < 0) throw new RpcError("out_of_range", "no width below 0")
    ctx.log.info("resized", { width })
    return { width: width / 2, isReady, certificate: ctx.caller.certificate ?? null }
  },
})

/** Calls itself over the network, on behalf of its caller. */
export const hops = async (left: number): Promise<number> => {
  const ctx = context()
  return left === 0 ? 0 : 1 + (await ctx.call<number>(ctx.service, "hops", left - 1))
}

export const queue = (what: string) => context().task("note", what)

export const countdown = async function* (from: number) {
  for (let left = from; left > 0; left--) yield left
}

export const tasks = {
  note: (what: string, ctx: { readonly log: { info(message: string, fields: object): void } }) =>
    ctx.log.info("task ran", { what }),
}
