import { createHash } from "node:crypto"
import fs from "node:fs"
import path from "node:path"
import zlib from "node:zlib"

type Bytes = Uint8Array<ArrayBuffer>
type Asset = {
  readonly type: string
  readonly etag: string
  readonly raw: Bytes
  /** Left out for what is compressed already. */
  readonly packed: { readonly br: Bytes; readonly gzip: Bytes } | undefined
}

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webp: "image/webp",
  woff2: "font/woff2",
}
const compressed = new Set(["png", "webp", "woff2", "ico"])

/**
 * In the executable every module's folder is its root, where the build put the assets; from the sources they are in ui/.
 */
const folder = () => {
  const beside = path.join(import.meta.dirname, "assets")
  return fs.existsSync(beside) ? beside : path.join(import.meta.dirname, "../../ui/assets")
}

/** What a file names of its neighbours: imports of scripts, addresses in style sheets. */
const references: Readonly<Record<string, RegExp>> = {
  js: /(?<=\bimport ")\.\/([\w.-]+)(?=")|(?<=\bfrom ")\.\/([\w.-]+)(?=")/g,
  css: /(?<=url\(")\/assets\/([\w.-]+)(?="\))/g,
}

const own = (buffer: Uint8Array): Bytes => new Uint8Array(buffer)

/** `url` gives the address of a neighbour, so that a file changes with what it names. */
const read = (root: string, name: string, url: (name: string) => string): Asset | undefined => {
  // One flat folder: a name with a slash or a leading dot is never asked of the disk.
  if (!/^\w[\w.-]*$/.test(name)) return undefined
  const file = path.join(root, name)
  if (fs.statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  const extension = path.extname(name).slice(1)
  const named = references[extension]
  const bytes = fs.readFileSync(file)
  const raw =
    named === undefined || name.endsWith(".min.js")
      ? bytes
      : Buffer.from(
          bytes.toString("utf8").replaceAll(named, (_, first: string, second?: string) => url(first ?? second)),
        )
  return {
    type: types[extension] ?? "application/octet-stream",
    etag: createHash("sha256").update(raw).digest("base64url").slice(0, 16),
    raw: own(raw),
    packed: compressed.has(extension)
      ? undefined
      : {
          br: own(zlib.brotliCompressSync(raw, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } })),
          gzip: own(zlib.gzipSync(raw, { level: 6 })),
        },
  }
}

const encodingFor = (asset: Asset, accepted: string): "br" | "gzip" | undefined => {
  if (asset.packed === undefined) return undefined
  const accepts = (name: string) =>
    accepted.split(",").some((part) => {
      const [coding, ...parameters] = part.split(";").map((text) => text.trim())
      return coding === name && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
    })
  return accepts("br") ? "br" : accepts("gzip") ? "gzip" : undefined
}

/** Static files of one folder, compressed once and kept in memory. */
export class Assets {
  readonly #root: string
  readonly #known = new Map<string, Asset>()
  /** Files that are just being read: two that name each other do so without a version. */
  readonly #reading = new Set<string>()

  /** `root`: for tests; the project's own assets otherwise. */
  constructor(root: string = folder()) {
    this.#root = root
  }

  #load(name: string): Asset | undefined {
    const known = this.#known.get(name)
    if (known !== undefined || this.#reading.has(name)) return known
    this.#reading.add(name)
    try {
      const asset = read(this.#root, name, (neighbour) => this.url(neighbour))
      // Names that don't exist are not remembered: they come from outside and would fill the memory.
      if (asset !== undefined) this.#known.set(name, asset)
      return asset
    } finally {
      this.#reading.delete(name)
    }
  }

  /** `/assets/<name>?v=<etag>`: may be cached for ever, because it changes with the content. */
  url(name: string): string {
    const asset = this.#load(name)
    return asset === undefined ? `/assets/${name}` : `/assets/${name}?v=${asset.etag}`
  }

  /** 200, 304 or 404. */
  respond(name: string, request: Request): Response {
    const asset = this.#load(name)
    if (asset === undefined) return new Response("not found\n", { status: 404 })
    const encoding = encodingFor(asset, request.headers.get("accept-encoding") ?? "")
    const etag = `"${asset.etag}${encoding === undefined ? "" : `-${encoding}`}"`
    const asked = new URL(request.url).searchParams.get("v")
    const headers = new Headers({
      "content-type": asset.type,
      etag,
      vary: "accept-encoding",
      "cache-control": asked === asset.etag ? "public, max-age=31536000, immutable" : "no-cache",
    })
    const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""))
    if (known.includes(etag)) return new Response(null, { status: 304, headers })
    if (encoding === undefined || asset.packed === undefined) return new Response(asset.raw, { headers })
    headers.set("content-encoding", encoding)
    return new Response(asset.packed[encoding], { headers })
  }
}
