import { Effect, Result, Schema } from "effect"
import { sha256Hex } from "../../platform/Hash.ts"
import { join } from "../../platform/Paths.ts"
import { currentBootId } from "../../platform/ProcessTable.ts"
import { readWhole, removeFile, writeWhole } from "../../platform/RecordFile.ts"
import { fieldError } from "../FieldError.ts"
import { PoisonRecord } from "./PoisonRecord.ts"
import { EndRecord, FailureRecord, RunRecord, SocketRecord } from "./RunRecord.ts"

type Place = Pick<EndRecord, "set" | "kind" | "slot">

const kinds = {
  run: RunRecord,
  end: EndRecord,
  failure: FailureRecord,
  sockets: SocketRecord,
  poison: PoisonRecord,
} as const

/** A name for a file, whatever a set is called. */
const short = (text: string) => sha256Hex(text).slice(0, 32)

/** Where the idempotency keys of a set are kept for the next agent. */
export const keyLogPath = (folder: string, set: string): string => join(folder, `${short(set)}.keys`)

/** The files in which the agent keeps what it has started, in a folder that is its own. A reboot makes them void. */
export const makeRunFolder = (folder: string) => {
  const paths = {
    run: ({ run }: Pick<RunRecord, "run">) => join(folder, `${run}.run`),
    end: ({ kind, set, slot }: Place) => join(folder, `${short(`${set}/${kind}/${slot}`)}.end`),
    failure: ({ kind, set, slot }: Place) => join(folder, `${short(`${set}/${kind}/${slot}`)}.failure`),
    sockets: ({ set }: Pick<SocketRecord, "set">) => join(folder, `${short(set)}.sockets`),
    poison: ({ set }: Pick<PoisonRecord, "set">) => join(folder, `${short(set)}.poison`),
  }

  const read = Effect.fnUntraced(function* <Kind extends keyof typeof kinds>(kind: Kind) {
    const decode = Schema.decodeUnknownResult(Schema.fromJsonString(kinds[kind]))
    const found: Array<(typeof kinds)[Kind]["Type"]> = []
    for (const { path, text } of readWhole(folder, `.${kind}`)) {
      const record = Result.mapError(decode(text), fieldError)
      if (Result.isSuccess(record) && record.success.bootId === currentBootId()) {
        found.push(record.success as (typeof kinds)[Kind]["Type"])
        continue
      }
      if (Result.isFailure(record)) yield* Effect.logWarning(`${path} is no record of this agent: ${record.failure}`)
      yield* Effect.sync(() => removeFile(path))
    }
    return found
  })

  return {
    runs: read("run"),
    ends: read("end"),
    failures: read("failure"),
    sockets: read("sockets"),
    poison: read("poison"),
    writeRun: (record: RunRecord) => writeWhole(paths.run(record), JSON.stringify(record)),
    removeRun: (record: Pick<RunRecord, "run">) => removeFile(paths.run(record)),
    writeEnd: (record: EndRecord) => writeWhole(paths.end(record), JSON.stringify(record)),
    removeEnd: (place: Place) => removeFile(paths.end(place)),
    writeFailure: (record: FailureRecord) => writeWhole(paths.failure(record), JSON.stringify(record)),
    removeFailure: (place: Place) => removeFile(paths.failure(place)),
    writeSockets: (record: SocketRecord) => writeWhole(paths.sockets(record), JSON.stringify(record)),
    removeSockets: (set: Pick<SocketRecord, "set">) => removeFile(paths.sockets(set)),
    writePoison: (record: PoisonRecord) => writeWhole(paths.poison(record), JSON.stringify(record)),
    removePoison: (set: Pick<PoisonRecord, "set">) => removeFile(paths.poison(set)),
  }
}
export type RunFolder = ReturnType<typeof makeRunFolder>
