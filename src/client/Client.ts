import { intercepted, type InterceptedCall } from "../rpc/Interceptor.ts"
import { Calls, type CallsOptions } from "./Calls.ts"
import { type CallInterceptor, CallPlan, type CallSettings } from "./CallSettings.ts"
import type { ClientStats } from "./ClientStats.ts"
import type { Discovery } from "./Discovery.ts"
import type { ServiceEndpoints } from "./EndpointFile.ts"

export interface Caller {
  /**
   * Calls a method (`function`, `Class.method` or `Class::method`) and answers its result. Rejects with a CallError.
   * A call that was certainly not executed goes to another worker within its time. One that may have been executed is
   * repeated only when its method is idempotent or it has an idempotency key.
   */
  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Promise<Result>
  /**
   * The items of a method that is a generator, as they come; leaving a `for await` cancels the call. Begins with the
   * first `next()`, and rejects with a CallError. Goes to another worker only before the first item. Interceptors do
   * not see it.
   */
  stream<Item = unknown>(method: string, ...args: ReadonlyArray<unknown>): AsyncIterableIterator<Item>
  /**
   * Sends a call that is not answered. Resolves when it is on its way; whether it is run, nobody hears. Interceptors do
   * not see it.
   */
  send(method: string, ...args: ReadonlyArray<unknown>): Promise<void>
}

export interface ClientOptions extends CallsOptions {
  /** Of a call that says nothing else. Milliseconds. */
  readonly timeoutMs: number
  readonly interceptors?: ReadonlyArray<CallInterceptor> | undefined
}

/** Calls one service, on whichever of its workers. Made by `connect`; open until `close`. */
export class Client implements Caller {
  readonly #calls: Calls
  readonly #timeoutMs: number
  readonly #plan: CallPlan
  readonly #streamPlan: CallPlan
  readonly #service: string
  readonly #intercepted: ((call: InterceptedCall<CallSettings>) => Promise<unknown>) | undefined

  constructor(options: ClientOptions) {
    const { interceptors = [], service, timeoutMs } = options
    this.#calls = new Calls(options)
    this.#service = service
    this.#timeoutMs = timeoutMs
    this.#plan = new CallPlan({}, timeoutMs)
    this.#streamPlan = new CallPlan({}, Infinity)
    this.#intercepted = intercepted(interceptors, ({ args, method, settings }) =>
      this.#calls.call(new CallPlan(settings, timeoutMs), method, args),
    )
  }

  /** Uses what `discovery` finds, from now on. */
  follow(discovery: Discovery): this {
    this.#calls.discovery = discovery
    if (discovery.list !== undefined) this.apply(discovery.list)
    return this
  }

  /** Takes on a list: connections to endpoints that stay are kept, others finish their calls and close. */
  apply(list: ServiceEndpoints): void {
    if (!this.#calls.isClosed) this.#calls.endpoints.apply(list)
  }

  call<Result = unknown>(method: string, ...args: ReadonlyArray<unknown>): Promise<Result> {
    return this.#call(this.#plan, method, args) as Promise<Result>
  }

  stream<Item = unknown>(method: string, ...args: ReadonlyArray<unknown>): AsyncIterableIterator<Item> {
    return this.#calls.stream(this.#streamPlan, method, args) as AsyncIterableIterator<Item>
  }

  send(method: string, ...args: ReadonlyArray<unknown>): Promise<void> {
    return this.#calls.send(this.#plan, method, args)
  }

  /** The same client with other settings: `client.with({ timeoutMs: 2_000 }).call("report")`. */
  with(settings: CallSettings): Caller {
    const plan = new CallPlan(settings, this.#timeoutMs)
    return {
      call: <Result>(method: string, ...args: ReadonlyArray<unknown>) =>
        this.#call(plan, method, args) as Promise<Result>,
      stream: <Item>(method: string, ...args: ReadonlyArray<unknown>) =>
        this.#calls.stream(new CallPlan(settings, Infinity), method, args) as AsyncIterableIterator<Item>,
      send: (method: string, ...args: ReadonlyArray<unknown>) => this.#calls.send(plan, method, args),
    }
  }

  /** What the client knows of its endpoints and their workers just now, as plain data. */
  stats(): ClientStats {
    return this.#calls.stats()
  }

  /** Closes all connections. Calls that are open, and later ones, fail. */
  close(): void {
    this.#calls.close()
  }

  #call(plan: CallPlan, method: string, args: ReadonlyArray<unknown>): Promise<unknown> {
    if (this.#intercepted === undefined) return this.#calls.call(plan, method, args)
    return this.#intercepted({ service: this.#service, method, args, settings: plan.settings })
  }
}
