import { readText } from "../platform/DurableFile.ts"
import type { TlsMaterial } from "../platform/Transport.ts"
import { RpcError } from "../protocol/RpcError.ts"

/** The certificate that this host got when it joined: `cert.pem`, `key.pem`, `ca.pem`. */
export class CertificateFolder {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Read anew each time, since certificates are renewed. Rejects when the host has not joined. */
  async read(): Promise<TlsMaterial> {
    const [key, cert, ca] = await Promise.all([this.#file("key.pem"), this.#file("cert.pem"), this.#file("ca.pem")])
    return { key, cert, ca }
  }

  async #file(name: string): Promise<string> {
    const path = `${this.#path}/${name}`
    try {
      const text = await readText(path)
      if (text !== undefined) return text
    } catch (cause) {
      throw new RpcError("unauthenticated", `Cannot read ${path}`, { executed: "no", cause })
    }
    throw new RpcError("unauthenticated", `the endpoint wants TLS, and there is no ${path}: this host has not joined`, {
      executed: "no",
    })
  }
}
