import type { CallSettings } from "./CallSettings.ts"
import type { SyncCallSettings } from "./CallThread.ts"
import type { Client } from "./Client.ts"
import type { SyncClient } from "./SyncClient.ts"

/** What a method of an interface of a service may look like. */
type Method = (...args: never) => unknown

type ArgumentsOf<M> = M extends (...args: infer Arguments) => unknown ? Arguments : never
type AnswerOf<M> = M extends (...args: never) => infer Answer ? Answer : never
type IsStream<M> = AnswerOf<M> extends AsyncIterable<unknown> ? true : false

/** The names of the methods that answer once, or of those that answer with a stream. */
type NamesOf<Methods, Stream extends boolean> = {
  [Name in keyof Methods & string]: Methods[Name] extends Method
    ? IsStream<Methods[Name]> extends Stream
      ? Name
      : never
    : never
}[keyof Methods & string]

export type UnaryName<Methods> = NamesOf<Methods, false>
export type StreamName<Methods> = NamesOf<Methods, true>

/** What a call of a method resolves to. */
export type ResultOf<M> = Awaited<AnswerOf<M>>
/** What each step of its stream is. */
export type ItemOf<M> = AnswerOf<M> extends AsyncIterable<infer Item> ? Item : never

/**
 * Calls the methods of an interface such as `muster types SERVICE` writes: names, arguments and results are checked by
 * the compiler. At run time it is the same client.
 */
export interface TypedCaller<Methods> {
  call<Name extends UnaryName<Methods>>(
    method: Name,
    ...args: ArgumentsOf<Methods[Name]>
  ): Promise<ResultOf<Methods[Name]>>
  stream<Name extends StreamName<Methods>>(
    method: Name,
    ...args: ArgumentsOf<Methods[Name]>
  ): AsyncIterableIterator<ItemOf<Methods[Name]>>
  send<Name extends UnaryName<Methods>>(method: Name, ...args: ArgumentsOf<Methods[Name]>): Promise<void>
}

export interface TypedClient<Methods> extends TypedCaller<Methods>, Omit<Client, keyof TypedCaller<Methods> | "with"> {
  with(settings: CallSettings): TypedCaller<Methods>
}

/** The same for programs that are not asynchronous; they call no streams. */
export interface TypedSyncCaller<Methods> {
  call<Name extends UnaryName<Methods>>(method: Name, ...args: ArgumentsOf<Methods[Name]>): ResultOf<Methods[Name]>
}

export interface TypedSyncClient<Methods> extends TypedSyncCaller<Methods>, Omit<SyncClient, "call" | "with"> {
  with(settings: SyncCallSettings): TypedSyncCaller<Methods>
}
