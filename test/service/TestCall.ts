import type { ServerCall } from "../../src/rpc/Handler.ts"
import { type LogFields, setHost } from "../../src/service/Host.ts"

export const logged: Array<{ readonly level: string; readonly message: string; readonly fields: LogFields }> = []

/** A host as the worker is one, that keeps what is logged and queued. */
export const installHost = () => {
  const queued: Array<ReadonlyArray<unknown>> = []
  setHost({
    service: "orders",
    log: (level, message, fields) => void logged.push({ level, message, fields }),
    queueTask: (...task) => {
      queued.push(task)
      return Promise.resolve(`task-${queued.length}`)
    },
  })
  return queued
}

/** A call as the server hands it to a handler. */
export const makeCall = (over: Partial<ServerCall> = {}): ServerCall => ({
  method: "find",
  isStream: false,
  peer: undefined,
  remote: "127.0.0.1:4711",
  client: "test",
  meta: {},
  signal: new AbortController().signal,
  remainingMs: () => 400,
  ...over,
})
