import { readText } from "../platform/DurableFile.ts"
import { type FileWatch, watchFile } from "../platform/WatchFile.ts"
import { type GivenEndpoint, parseEndpoint, parseEndpointFile, type ServiceEndpoints } from "./EndpointFile.ts"

/** Where a client learns where its service answers. */
export interface Discovery {
  /** Settles when the first look is over, found or not; undefined when it is already. */
  readonly ready: Promise<void> | undefined
  /** Undefined: there is no list yet. */
  readonly list: ServiceEndpoints | undefined
  /** Why there is no list, in a sentence for the caller of a method. */
  readonly missing: string
  close(): void
}

/** A list that was given, and stays. */
export class StaticDiscovery implements Discovery {
  readonly ready = undefined
  readonly missing = ""
  readonly list: ServiceEndpoints

  constructor(endpoints: ReadonlyArray<GivenEndpoint>, tls: ServiceEndpoints["tls"]) {
    this.list = { revision: 0, tls, endpoints: endpoints.map(parseEndpoint) }
  }

  close() {}
}

export interface FileDiscoveryOptions {
  readonly service: string
  readonly path: string
  readonly onChange: (list: ServiceEndpoints) => void
  /** A file that can't be read or used; the list before it stays. */
  readonly onFault: (message: string, cause: unknown) => void
}

/** The file that the node's agent replaces at each push. */
export class FileDiscovery implements Discovery {
  readonly #options: FileDiscoveryOptions
  readonly #watch: FileWatch
  #ready: Promise<void> | undefined
  #list: ServiceEndpoints | undefined
  #text: string | undefined
  #fault: string | undefined
  #reading = false
  #again = false
  #closed = false

  constructor(options: FileDiscoveryOptions) {
    this.#options = options
    // Watched before it is read: a push in between is then seen twice rather than not at all.
    this.#watch = watchFile(options.path, () => void this.#read())
    this.#ready = this.#first()
  }

  get ready() {
    return this.#ready
  }

  get list() {
    return this.#list
  }

  get missing() {
    return this.#fault ?? `no endpoint list at ${this.#options.path}: this node is not a client of it yet`
  }

  close() {
    this.#closed = true
    this.#watch.close()
  }

  async #first(): Promise<void> {
    await this.#read()
    this.#ready = undefined
  }

  async #read(): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return
    }
    this.#reading = true
    do {
      this.#again = false
      await this.#load()
    } while (this.#again && !this.#closed)
    this.#reading = false
  }

  async #load(): Promise<void> {
    const { onChange, onFault, path, service } = this.#options
    try {
      const text = await readText(path)
      if (this.#closed) return
      // A removed file means that the node left the clients: what was known stays good until it is known better.
      if (text === undefined || text === this.#text) return
      this.#list = parseEndpointFile(text, service)
      this.#text = text
      this.#fault = undefined
      onChange(this.#list)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#fault = `Cannot use the endpoint list ${path}: ${reason}`
      onFault(this.#fault, cause)
    }
  }
}
