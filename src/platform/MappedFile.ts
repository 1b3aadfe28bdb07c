const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const O_RDWR_CLOEXEC = 0o2000002

type BunMap = { mmap(path: string, options: { readonly shared: boolean }): Uint8Array }

type DenoFfi = {
  dlopen(
    name: string,
    symbols: Record<string, { parameters: ReadonlyArray<string>; result: string }>,
  ): { symbols: Record<string, (...args: ReadonlyArray<unknown>) => unknown> }
  UnsafePointerView: { getArrayBuffer(pointer: unknown, bytes: number): ArrayBuffer }
  UnsafePointer: { value(pointer: unknown): bigint }
}

const libcNames = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]

const denoSymbols = (deno: DenoFfi) => {
  let last: unknown
  for (const name of libcNames) {
    try {
      return deno.dlopen(name, {
        open: { parameters: ["buffer", "i32"], result: "i32" },
        mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
        close: { parameters: ["i32"], result: "i32" },
      }).symbols
    } catch (error) {
      last = error
    }
  }
  throw new Error("libc can't be loaded through FFI", { cause: last })
}

const mapOnDeno = (deno: DenoFfi, path: string, bytes: number): Uint8Array => {
  const c = denoSymbols(deno)
  const fd = c["open"]?.(new TextEncoder().encode(`${path}\0`), O_RDWR_CLOEXEC) as number
  if (fd < 0) throw new Error(`${path} can't be opened`)
  const pointer = c["mmap"]?.(null, BigInt(bytes), PROT_READ_WRITE, MAP_SHARED, fd, 0n)
  c["close"]?.(fd)
  if (pointer === null || BigInt.asIntN(64, deno.UnsafePointer.value(pointer)) === -1n)
    throw new Error(`${path} can't be mapped into memory`)
  return new Uint8Array(deno.UnsafePointerView.getArrayBuffer(pointer, bytes))
}

/**
 * A file of `bytes` bytes as memory, until the process ends: what is written into it is in the file at once, whatever
 * becomes of the process. Throws where that can't be done.
 */
export const mapFile = (path: string, bytes: number): Uint8Array => {
  const { Bun: bun, Deno: deno } = globalThis as { Bun?: BunMap; Deno?: DenoFfi }
  const mapped =
    bun === undefined
      ? deno === undefined
        ? undefined
        : mapOnDeno(deno, path, bytes)
      : bun.mmap(path, { shared: true })
  if (mapped === undefined) throw new Error("mapping a file needs Bun or Deno")
  if (mapped.length !== bytes) throw new Error(`${path} has ${mapped.length} bytes, expected ${bytes}`)
  return mapped
}
