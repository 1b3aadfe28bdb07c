/** A function of libc: its arguments as FFI kinds. All answer an i32. */
type Kind = "i32" | "u32" | "u64" | "usize" | "buffer"

const signatures = {
  socket: ["i32", "i32", "i32"],
  bind: ["i32", "buffer", "u32"],
  listen: ["i32", "i32"],
  setsockopt: ["i32", "i32", "i32", "buffer", "u32"],
  getsockname: ["i32", "buffer", "buffer"],
  fcntl: ["i32", "i32", "i32"],
  dup2: ["i32", "i32"],
  close: ["i32"],
  sendto: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
  pipe2: ["buffer", "i32"],
  read: ["i32", "buffer", "usize"],
  waitpid: ["i32", "buffer", "i32"],
  waitid: ["i32", "u32", "buffer", "i32"],
  madvise: ["u64", "u64", "i32"],
  prctl: ["i32", "u64", "i32", "i32", "i32"],
  getsockopt: ["i32", "i32", "i32", "buffer", "buffer"],
  /** For what glibc and musl have no function for, or only the newest; an argument that is not used is 0. */
  syscall: ["u64", "u64", "u64", "u64", "u64"],
  flock: ["i32", "i32"],
  execve: ["buffer", "buffer", "buffer"],
  signal: ["i32", "u64"],
  clock_gettime: ["i32", "buffer"],
  mkfifo: ["buffer", "u32"],
  poll: ["buffer", "u64", "i32"],
  splice: ["i32", "u64", "i32", "buffer", "usize", "u32"],
} as const satisfies Record<string, ReadonlyArray<Kind>>

/** A buffer may be null, where C takes that. */
type Argument = { i32: number; u32: number; u64: bigint; usize: number; buffer: Uint8Array | null }
type Arguments<K extends ReadonlyArray<Kind>> = { -readonly [I in keyof K]: Argument[K[I]] }
type Signatures = Readonly<Record<string, ReadonlyArray<Kind>>>
type Functions<S extends Signatures> = { readonly [N in keyof S]: (...args: Arguments<S[N]>) => number }

type Memory = {
  /** The error number of the call just made. Ask at once. */
  errno(): number
  /** The address of a buffer that must stay alive as long as C may read it. */
  addressOf(bytes: Uint8Array): bigint
}

export type Libc = Functions<typeof signatures> & Memory

/** Text as C has it. */
export const cString = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`)

type DenoFfi = {
  dlopen(
    name: string,
    symbols: Record<string, { parameters: ReadonlyArray<string>; result: string }>,
  ): {
    symbols: Record<string, (...args: ReadonlyArray<unknown>) => never>
  }
  UnsafePointer: { of(bytes: Uint8Array): object; value(pointer: object): bigint }
  UnsafePointerView: new (pointer: object) => { getInt32(): number }
}

const musl = ["libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]
const names = ["libc.so.6", ...musl]

const firstThatLoads = <A>(load: (name: string) => A): A => {
  let last: unknown
  for (const name of names) {
    try {
      return load(name)
    } catch (error) {
      last = error
    }
  }
  throw new Error("libc can't be loaded through FFI", { cause: last })
}

const kindsOfBun = { i32: "i32", u32: "u32", u64: "u64", usize: "u64", buffer: "ptr" } as const satisfies Record<
  Kind,
  string
>

const loadOnBun = async <const S extends Signatures>(signatures: S): Promise<Functions<S> & Memory> => {
  const { dlopen, ptr, read } = await import("bun:ffi")
  const functions = Object.entries(signatures).map(([name, kinds]) => [
    name,
    { args: kinds.map((kind) => kindsOfBun[kind]), returns: "i32" },
  ])
  const symbols = firstThatLoads((name) =>
    dlopen(name, { ...Object.fromEntries(functions), __errno_location: { args: [], returns: "ptr" } }),
  ).symbols
  const { __errno_location: errno } = symbols as unknown as { __errno_location(): Parameters<typeof read.i32>[0] }
  return {
    ...(symbols as unknown as Functions<S>),
    errno: () => read.i32(errno(), 0),
    addressOf: (bytes: Uint8Array) => BigInt(ptr(bytes)),
  }
}

const loadOnDeno = <const S extends Signatures>(deno: DenoFfi, signatures: S): Functions<S> & Memory => {
  const functions = Object.entries(signatures).map(([name, kinds]) => [name, { parameters: kinds, result: "i32" }])
  const symbols = firstThatLoads((name) =>
    deno.dlopen(name, { ...Object.fromEntries(functions), __errno_location: { parameters: [], result: "pointer" } }),
  ).symbols
  const { __errno_location: errno } = symbols as unknown as { __errno_location(): object }
  return {
    ...(symbols as unknown as Functions<S>),
    errno: () => new deno.UnsafePointerView(errno()).getInt32(),
    addressOf: (bytes: Uint8Array) => deno.UnsafePointer.value(deno.UnsafePointer.of(bytes)),
  }
}

/** Other functions of libc than those that `libc` has. Rejects where there is no FFI. */
export const libcWith = async <const S extends Signatures>(signatures: S): Promise<Functions<S> & Memory> => {
  if ("Bun" in globalThis) return loadOnBun(signatures)
  const deno = (globalThis as { Deno?: DenoFfi }).Deno
  if (deno !== undefined) return loadOnDeno(deno, signatures)
  throw new Error("the node role needs FFI: run it with Bun or Deno")
}

let loaded: Libc | undefined
let loading: Promise<Libc> | undefined

/** libc, by the FFI of Bun or Deno; rejects where there is none. */
export const libc = (): Promise<Libc> => (loading ??= libcWith(signatures).then((c) => (loaded = c)))

/** For whoever holds what only `libc` can have opened. */
export const loadedLibc = (): Libc => {
  if (loaded === undefined) throw new Error("libc is not loaded yet")
  return loaded
}
