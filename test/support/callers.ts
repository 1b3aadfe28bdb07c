import { CallError, connect } from "../../src/client/index.ts"

/** `at`: performance.now() at the start. `error`: the code, or the error's text. */
type Outcome = { readonly at: number; readonly ms: number; readonly error: string | undefined; readonly value: unknown }

/** Calls a service without pause from `width` loops, with the lists of a node, until stopped. */
export class Load {
  readonly outcomes: Array<Outcome> = []
  readonly #client
  #stopped = false
  readonly #loops: ReadonlyArray<Promise<void>>

  constructor(options: { data: string; service: string; width: number; method: string; args: ReadonlyArray<unknown> }) {
    this.#client = connect(options.service, { dataDir: options.data, timeoutMs: 5_000 })
    this.#loops = Array.from({ length: options.width }, () => this.#loop(options))
  }

  async #loop({ method, args }: { method: string; args: ReadonlyArray<unknown> }) {
    while (!this.#stopped) {
      const at = performance.now()
      const outcome = await this.#client.call(method, ...args).then(
        (value) => ({ error: undefined, value }),
        (error: unknown) => ({ error: error instanceof CallError ? error.code : String(error), value: undefined }),
      )
      this.outcomes.push({ at, ms: performance.now() - at, ...outcome })
      if (outcome.error !== undefined) await Bun.sleep(5)
    }
  }

  get failures() {
    return this.outcomes.filter(({ error }) => error !== undefined)
  }

  async stop() {
    this.#stopped = true
    await Promise.all(this.#loops)
    this.#client.close()
    return this.outcomes
  }
}
