import { fileVersion, readText } from "../platform/DurableFile.ts"

type Content = { readonly revoked?: unknown }

/** The node's revoked certificates, as they stand in trust.json; read anew when the file was replaced. */
export class TrustFile {
  readonly #path: string
  #version: string | undefined
  #revoked: ReadonlySet<string> = new Set()

  constructor(path: string) {
    this.#path = path
  }

  isRevoked(serial: string): boolean {
    return this.#revoked.has(serial)
  }

  /** true: the file was read anew. A file that can't be understood changes nothing: the agent replaces it. */
  async refresh(): Promise<boolean> {
    const version = await fileVersion(this.#path)
    if (version === undefined || version === this.#version) return false
    try {
      const content = JSON.parse((await readText(this.#path)) ?? "{}") as Content
      if (Array.isArray(content.revoked)) this.#revoked = new Set(content.revoked.map(String))
    } catch {
      return false
    }
    this.#version = version
    return true
  }
}
