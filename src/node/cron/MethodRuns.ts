import { notPushedHere } from "../../domain/RunReason.ts"
import { Deferred, Effect } from "effect"
import { CertificateFolder } from "../../client/CertificateFolder.ts"
import type { CronAction } from "../../domain/Cron.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import type { DataFolder } from "../DataFolder.ts"
import { Discovery } from "../discovery/Discovery.ts"
import { ServiceClients } from "../gateway/ServiceClients.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { type RunningAction, type RunOutcome, StartFailed } from "./RunningAction.ts"
import { RunOutput } from "./RunOutput.ts"

type MethodAction = Extract<CronAction, { readonly kind: "method" }>

const encoder = new TextEncoder()

/** Bytes in an answer have no form in JSON: they are shown as base64. */
const showBytes = (_: string, value: unknown) =>
  value instanceof Uint8Array ? value.toBase64() : typeof value === "bigint" ? `${value}` : value

const answerText = (answer: unknown) => `${JSON.stringify(answer ?? null, showBytes, 2)}\n`

const outcomeOf = (error: unknown): RunOutcome => {
  const none = { exitCode: null, signal: null }
  if (!(error instanceof RpcError)) return { state: "failed", ...none, reason: String(error) }
  const state = error.code === "deadline_exceeded" ? "timeout" : "failed"
  return { state, ...none, reason: `${error.code}: ${error.message}` }
}

/** Calls methods of services, by the endpoint lists of this node. What they answer is their output, as JSON. */
export const methodRuns = Effect.fnUntraced(function* (folder: DataFolder) {
  const discovery = yield* Discovery
  const changes = yield* NodeChanges
  const runSync = Effect.runSyncWith(yield* Effect.context<never>())
  const services = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new ServiceClients({
          lists: () => runSync(discovery.lists),
          certificates: new CertificateFolder(folder.tls),
        }),
    ),
    (clients) => Effect.sync(() => clients.close()),
  )
  let seen = yield* changes.seq
  yield* Effect.gen(function* () {
    yield* changes.above(seen)
    // Read before the lists are: what changes meanwhile is seen by the next turn.
    seen = yield* changes.seq
    services.refresh()
  }).pipe(Effect.forever, Effect.forkScoped)

  const start = Effect.fn("MethodRuns.start")(function* (action: MethodAction, timeoutMs: number) {
    const client = services.find(action.service)
    if (client === undefined) {
      return yield* new StartFailed({
        reason: notPushedHere(action.service),
      })
    }
    const output = new RunOutput()
    const cancel = new AbortController()
    const ended = Deferred.makeUnsafe<RunOutcome>()
    const end = (outcome: RunOutcome, said: string) => {
      output.push(encoder.encode(said))
      Deferred.doneUnsafe(ended, Effect.succeed(outcome))
    }
    const settings = { timeoutMs: timeoutMs === 0 ? Infinity : timeoutMs, signal: cancel.signal }
    client
      .with(settings)
      .call(action.method, ...action.args)
      .then(
        (answer) => end({ state: "ok", exitCode: null, signal: null, reason: null }, answerText(answer)),
        (error: unknown) => end(outcomeOf(error), `${String(error instanceof Error ? error.message : error)}\n`),
      )
    const running: RunningAction = {
      process: null,
      output,
      ended: Deferred.await(ended),
      stop: Effect.sync(() => cancel.abort()),
      written: Effect.void,
    }
    return running
  })

  return { start }
})
