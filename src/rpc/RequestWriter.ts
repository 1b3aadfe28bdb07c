import { FrameType } from "../protocol/Frame.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { Link } from "./Link.ts"

/** The values, or the encoded head of a call that has waited. */
export type Arguments = ReadonlyArray<unknown> | Uint8Array

type Fields = Readonly<Record<string, unknown>>

const idHighest = 0xffffffff

/** Writes the requests of one connection, and gives them their ids. */
export class RequestWriter {
  lastId = 0
  readonly #link: Link

  constructor(link: Link) {
    this.#link = link
  }

  /** No id is left. */
  get isUsedUp(): boolean {
    return this.lastId === idHighest
  }

  /** Returns the id. Throws an RpcError when the arguments have no form or are too large. */
  request(flags: number, method: string, args: Arguments, fields: Fields): number {
    const id = this.lastId + 1
    const out = this.#link.out
    try {
      const writer = out.begin(FrameType.request, flags, id)
      if (args instanceof Uint8Array) writer.raw(args)
      writer.value(args instanceof Uint8Array ? fields : [method, args, fields])
      out.commit()
    } catch (error) {
      out.rollback()
      throw unsendable(method, error)
    }
    this.lastId = id
    this.#link.flush()
    return id
  }

  oneway(method: string, args: ReadonlyArray<unknown>, fields: Fields | undefined): void {
    const out = this.#link.out
    try {
      out.begin(FrameType.oneway, 0, 0).value(fields === undefined ? [method, args] : [method, args, fields])
      out.commit()
    } catch (error) {
      out.rollback()
      throw unsendable(method, error)
    }
    this.#link.flush()
  }

  credit(id: number, count: number): void {
    this.#link.out.begin(FrameType.credit, 0, id).value(count)
    this.#link.out.commit()
    this.#link.flush()
  }

  cancel(id: number): void {
    this.#link.out.bare(FrameType.cancel, 0, id)
    this.#link.flush()
  }
}

export const unsendable = (method: string, error: unknown): RpcError => {
  const reason = error instanceof Error ? error.message : String(error)
  return new RpcError("invalid_argument", `The arguments of "${method}" cannot be sent: ${reason}`, {
    executed: "no",
    cause: error,
  })
}
