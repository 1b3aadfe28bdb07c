import { encode, type Writer } from "../protocol/Encode.ts"
import { textOf } from "../protocol/ErrorText.ts"
import { FrameType } from "../protocol/Frame.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { Link } from "./Link.ts"

/** The values, or the encoded head of a call that has waited. */
export type Arguments = ReadonlyArray<unknown> | Uint8Array

type Fields = Readonly<Record<string, unknown>>

const idHighest = 0xffffffff

export interface RequestMap {
  readonly meta: Fields | undefined
  /** Milliseconds that are left; Infinity: no deadline. */
  readonly timeoutMs: number
  readonly credit?: number
}

const listOfThree = 0x83
const deadlineHighest = 0xffffffff
/** A map of one entry, and its key: what nearly every request has. */
const onlyDeadline = Uint8Array.of(0xa1, ...encode("deadline"))

const writeMap = (writer: Writer, { credit, meta, timeoutMs }: RequestMap): void => {
  const deadline = Math.max(0, Math.ceil(timeoutMs))
  if (meta === undefined && credit === undefined && deadline <= deadlineHighest) {
    writer.raw(onlyDeadline)
    return writer.uint(deadline)
  }
  const given = credit === undefined ? {} : { credit }
  writer.value(deadline === Infinity ? { ...meta, ...given } : { ...meta, deadline, ...given })
}

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
  request(flags: number, method: string, args: Arguments, map: RequestMap): number {
    const id = this.lastId + 1
    const out = this.#link.out
    try {
      const writer = out.begin(FrameType.request, flags, id)
      if (args instanceof Uint8Array) writer.raw(args)
      else {
        writer.uint8(listOfThree)
        writer.value(method)
        writer.value(args)
      }
      writeMap(writer, map)
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
  return new RpcError("invalid_argument", `The arguments of "${method}" cannot be sent: ${textOf(error)}`, {
    executed: "no",
    cause: error,
  })
}
