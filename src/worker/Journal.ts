import { mapFile } from "../platform/MappedFile.ts"
import { callHash, hashBytes, hashText } from "../protocol/CallHash.ts"
import {
  beginJournal,
  journalBytes,
  journalCallers,
  journalPlaces,
  placeTime,
  placeWord,
  writeCaller,
} from "../protocol/Journal.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { WorkerOrders } from "../protocol/WorkerLink.ts"
import type { CallGuard, GuardedCall } from "../rpc/Handler.ts"

const unrecorded = -1
/** A call that has run for so long without ending its worker is as harmless as one that came to its end. */
const longMs = 30_000
const none: ReadonlySet<string> = new Set()

/** The numbers 0 to `count` - 1, the first one last. */
const numbers = (count: number) => Uint16Array.from({ length: count }, (_, index) => count - 1 - index)

/** Writes down what is being executed where a crash does not reach it, and refuses the calls that caused crashes. */
export class Journal implements CallGuard {
  readonly #service: string
  readonly #now: () => number
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #times: Float64Array
  readonly #numbers: ReadonlyMap<string, number>
  /** Free places; the one that was used last is taken first, so that few pages are touched. */
  readonly #free = numbers(journalPlaces)
  #freeCount = journalPlaces
  readonly #freeCallers = numbers(journalCallers)
  #freeCallerCount = journalCallers
  #poison: ReadonlySet<string> = none
  #suspects: ReadonlySet<string> = none
  readonly #harmless = new Set<string>()

  private constructor(service: string, bytes: Uint8Array, given: JournalOptions) {
    this.#service = service
    this.#now = given.now
    this.#numbers = beginJournal(bytes, given.methods)
    this.#bytes = bytes
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, journalBytes / 4)
    this.#times = new Float64Array(bytes.buffer, bytes.byteOffset, journalBytes / 8)
  }

  /** Throws where the file can't be mapped. */
  static open(service: string, path: string, options: JournalOptions): Journal {
    return new Journal(service, mapFile(path, journalBytes), options)
  }

  /** Suspected calls that this worker has run to their end, or for long, by hash. */
  get harmless(): ReadonlyArray<string> {
    if (this.#suspects.size > 0) this.#acquitLong()
    return [...this.#harmless]
  }

  /** What the agent says of calls that were in flight when workers crashed: whole lists of hashes. */
  obey({ poison, suspects }: Pick<WorkerOrders, "poison" | "suspects">): void {
    if (!isSame(poison, this.#poison)) this.#poison = new Set(poison)
    if (!isSame(suspects, this.#suspects)) this.#suspects = new Set(suspects)
    for (const hash of this.#harmless) if (!this.#suspects.has(hash)) this.#harmless.delete(hash)
  }

  enter(remote: string): number {
    if (this.#freeCallerCount === 0) return 0
    const caller = (this.#freeCallers[--this.#freeCallerCount] ?? 0) + 1
    writeCaller(this.#bytes, caller, remote)
    return caller
  }

  leave(caller: number): void {
    if (caller !== 0) this.#freeCallers[this.#freeCallerCount++] = caller - 1
  }

  begin({ end, method, start }: GuardedCall, bytes: Uint8Array, caller: number): number | RpcError {
    hashBytes(bytes, start, end)
    const { high, low } = callHash
    if (this.#poison.size > 0 && this.#poison.has(hashText(low, high))) return this.#refusal(method)
    if (this.#freeCount === 0) return unrecorded
    const place = this.#free[--this.#freeCount] ?? 0
    const at = placeWord(place)
    this.#words[at] = low
    this.#words[at + 1] = high
    this.#words[at + 3] = caller
    this.#times[placeTime(place)] = this.#now()
    // Last, since it is what makes the place taken.
    this.#words[at + 2] = this.#numbers.get(method) ?? 0xffffffff
    return place
  }

  end(place: number): void {
    if (place === unrecorded) return
    const at = placeWord(place)
    if (this.#suspects.size > 0) this.#acquit(hashText(this.#words[at] ?? 0, this.#words[at + 1] ?? 0))
    this.#words[at + 2] = 0
    this.#free[this.#freeCount++] = place
  }

  /** A subscription or a long wait has no end of its own, and runs whenever a worker crashes. */
  #acquitLong(): void {
    const before = this.#now() - longMs
    for (let place = 0; place < journalPlaces; place++) {
      const at = placeWord(place)
      if (this.#words[at + 2] === 0 || (this.#times[placeTime(place)] ?? 0) > before) continue
      this.#acquit(hashText(this.#words[at] ?? 0, this.#words[at + 1] ?? 0))
    }
  }

  #acquit(hash: string): void {
    if (this.#suspects.has(hash)) this.#harmless.add(hash)
  }

  #refusal(method: string): RpcError {
    const message =
      `"${method}" with these arguments was running each time when workers of "${this.#service}" crashed, and is refused ` +
      `so that it can't take the others too. Mend the service and reload it: that lifts this at once`
    return new RpcError("failed_precondition", message, { executed: "no" })
  }
}

const isSame = (list: ReadonlyArray<string>, set: ReadonlySet<string>) =>
  list.length === set.size && list.every((hash) => set.has(hash))

export interface JournalOptions {
  readonly methods: Iterable<string>
  /** Milliseconds since 1970. It may be rough, but must be cheap: it is asked at each call. */
  readonly now: () => number
}
