import { dlopen } from "bun:ffi"
import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { rmSync } from "node:fs"

const c = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
}).symbols

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 0o2000002
const MSG_DONTWAIT = 0x40

/** What systemd has for a unit of Type=notify: a datagram socket that it reads. It goes away with `using`. */
export class Notifications {
  /** For NOTIFY_SOCKET. */
  readonly name: string
  readonly #fd: number
  readonly #told: Array<string> = []

  constructor(kind: "path" | "abstract" = "path") {
    const unique = `muster-notify-${randomBytes(6).toString("hex")}`
    this.name = kind === "path" ? join(tmpdir(), unique) : `@${unique}`
    const text = new TextEncoder().encode(kind === "path" ? `${this.name}\0` : `\0${unique}`)
    const address = new Uint8Array([AF_UNIX, 0, ...text])
    this.#fd = c.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
    if (c.bind(this.#fd, address, address.length) !== 0) throw new Error(`cannot bind ${this.name}`)
  }

  /** All datagrams so far, in the order in which they came. */
  get told(): ReadonlyArray<string> {
    const bytes = new Uint8Array(4096)
    for (;;) {
      const length = c.recv(this.#fd, bytes, bytes.length, MSG_DONTWAIT)
      if (length <= 0) return this.#told
      this.#told.push(new TextDecoder().decode(bytes.subarray(0, length)))
    }
  }

  /** How many datagrams hold this line. */
  count(line: string): number {
    return this.told.filter((text) => text.split("\n").includes(line)).length
  }

  [Symbol.dispose]() {
    c.close(this.#fd)
    if (!this.name.startsWith("@")) rmSync(this.name, { force: true })
  }
}
