import { hashText } from "./CallHash.ts"

/**
 * What a worker is executing, in a file that outlives it. The agent makes the file, `journalBytes` of zeros, new for each
 * worker process; the worker maps it into its memory; the agent reads it when the worker has ended unexpectedly.
 *
 * Numbers are little-endian. A header of 64 bytes: u32 mark, u32 version, u32 places, u32 names. Then the places, 32
 * bytes each: u32 low and u32 high half of the call's hash, u32 number of its method from 1 (0: the place is free), u32
 * number of its caller from 1 (0: not known), f64 milliseconds since 1970 when it began, 8 bytes unused. Then 64 KiB for
 * the names of the methods, each a u16 length and its UTF-8. Then the callers, 64 bytes each: u8 length of the address and
 * its UTF-8, as much as there is room for.
 */
const mark = 0x4c4e524a
const version = 2
const headerBytes = 64
const placeBytes = 32
const namesBytes = 64 * 1024
const callerBytes = 64

/** Calls of one worker that are written down; those beyond run unrecorded. */
export const journalPlaces = 4_096
/** Connections of one worker whose addresses are written down; of calls on others nobody knows who makes them. */
export const journalCallers = 4_096
const namesAt = headerBytes + journalPlaces * placeBytes
const callersAt = namesAt + namesBytes
export const journalBytes = callersAt + journalCallers * callerBytes
/** Of each version. In the first, which a worker of an older agent has, there were no callers. */
const lengths: ReadonlyArray<number | undefined> = [undefined, callersAt, journalBytes]

/** Where a place's fields are, as indices of 32-bit and of 64-bit words. */
export const placeWord = (place: number): number => (headerBytes + place * placeBytes) / 4
export const placeTime = (place: number): number => (headerBytes + place * placeBytes + 16) / 8

/** Writes the header and the names of the methods; answers each name's number, for those that there was room for. */
export const beginJournal = (bytes: Uint8Array, methods: Iterable<string>): ReadonlyMap<string, number> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numbers = new Map<string, number>()
  let at = namesAt
  for (const name of methods) {
    const text = new TextEncoder().encode(name)
    if (at + 2 + text.length > callersAt) break
    view.setUint16(at, text.length, true)
    bytes.set(text, at + 2)
    at += 2 + text.length
    numbers.set(name, numbers.size + 1)
  }
  view.setUint32(4, version, true)
  view.setUint32(8, journalPlaces, true)
  view.setUint32(12, numbers.size, true)
  view.setUint32(0, mark, true)
  return numbers
}

/** Writes where a caller is, by his number from 1. */
export const writeCaller = (bytes: Uint8Array, caller: number, remote: string): void => {
  const at = callersAt + (caller - 1) * callerBytes
  bytes[at] = new TextEncoder().encodeInto(remote, bytes.subarray(at + 1, at + callerBytes)).written
}

/** A call that was being executed when the worker ended. */
export interface JournalEntry {
  /** Of method and arguments: the same for the same call. As it stands in WorkerSettings.poison. */
  readonly hash: string
  readonly method: string
  /** Milliseconds since 1970, to within the time that the worker's event loop was stuck. */
  readonly startedAt: number
  /** Who has called; undefined: not known. */
  readonly remote: string | undefined
}

/** The calls in a journal, the oldest first; none when it is not one or was never begun. */
export const readJournal = (bytes: Uint8Array): ReadonlyArray<JournalEntry> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isJournal =
    bytes.length > headerBytes && view.getUint32(0, true) === mark && bytes.length === lengths[view.getUint32(4, true)]
  if (!isJournal) return []
  const names = readNames(bytes, view)
  const entries: Array<JournalEntry> = []
  for (let place = 0; place < journalPlaces; place++) {
    const at = headerBytes + place * placeBytes
    const number = view.getUint32(at + 8, true)
    if (number === 0) continue
    const hash = hashText(view.getUint32(at, true), view.getUint32(at + 4, true))
    const remote = readCaller(bytes, view.getUint32(at + 12, true))
    entries.push({ hash, method: names[number - 1] ?? "?", startedAt: view.getFloat64(at + 16, true), remote })
  }
  return entries.toSorted((one, other) => one.startedAt - other.startedAt)
}

const readCaller = (bytes: Uint8Array, caller: number): string | undefined => {
  const at = callersAt + (caller - 1) * callerBytes
  const length = bytes[at] ?? 0
  return caller === 0 || length === 0 ? undefined : new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + length))
}

const readNames = (bytes: Uint8Array, view: DataView): ReadonlyArray<string> => {
  const names: Array<string> = []
  const count = view.getUint32(12, true)
  for (let at = namesAt; names.length < count && at + 2 <= callersAt;) {
    const length = view.getUint16(at, true)
    names.push(new TextDecoder().decode(bytes.subarray(at + 2, at + 2 + length)))
    at += 2 + length
  }
  return names
}
