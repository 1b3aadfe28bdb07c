import { Schema } from "effect"
import { currentBootId } from "../../platform/ProcessTable.ts"
import { RecordLog } from "../../platform/RecordLog.ts"
import { decode } from "../../protocol/Decode.ts"
import { encode } from "../../protocol/Encode.ts"

/** `at`: milliseconds since the host's start. `outcome`: CBOR; null when nobody knows what became of the call. */
const KeyRecord = Schema.Union([
  Schema.Struct({ boot: Schema.String }),
  Schema.Struct({ key: Schema.String, request: Schema.String, pid: Schema.Int, call: Schema.NullOr(Schema.Int) }),
  Schema.Struct({
    key: Schema.String,
    request: Schema.String,
    outcome: Schema.NullOr(Schema.instanceOf(Uint8Array)),
    at: Schema.Finite,
  }),
])
export type KeyRecord =
  | { readonly key: string; readonly request: string; readonly pid: number; readonly call: number | null }
  | { readonly key: string; readonly request: string; readonly outcome: Uint8Array | null; readonly at: number }

const decodeRecord = Schema.decodeUnknownSync(KeyRecord)

const readable = (bytes: Uint8Array): typeof KeyRecord.Type | undefined => {
  try {
    return decodeRecord(decode(bytes))
  } catch {
    return undefined
  }
}

/** What a key window knows, for the agent after this one. Of before a reboot it tells nothing. */
export class KeyLog {
  readonly #log: RecordLog
  readonly #fault: (error: unknown) => void
  #isBegun = false

  /** `fault`: it can't be written: then the next agent will not know of it. */
  constructor(path: string, fault: (error: unknown) => void) {
    this.#log = new RecordLog(path)
    this.#fault = fault
  }

  get bytes(): number {
    return this.#log.bytes
  }

  read(): ReadonlyArray<KeyRecord> {
    const [first, ...rest] = this.#log.read().map(readable)
    if (first === undefined || !("boot" in first) || first.boot !== currentBootId()) return []
    return rest.filter((record) => record !== undefined && "key" in record)
  }

  add(record: KeyRecord): void {
    this.#attempt(() => {
      if (!this.#isBegun) this.#log.rewrite([head()])
      this.#isBegun = true
      this.#log.append(encode(record))
    })
  }

  /** Replaces all that was added. */
  rewrite(records: ReadonlyArray<KeyRecord>): void {
    this.#attempt(() => {
      if (records.length === 0) this.#log.remove()
      else this.#log.rewrite([head(), ...records.map((record) => encode(record))])
      this.#isBegun = records.length > 0
    })
  }

  #attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#fault(error)
    }
  }
}

const head = () => encode({ boot: currentBootId() })
