// Every page in every state, with fixtures: `bun test/support/gallery.ts [port]`, then open / for the list.
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { isLanguage } from "../../ui/messages/Catalogues.ts"
import { render, renderPage } from "../../ui/Render.ts"
import type { PageContext } from "../../ui/ViewModels.ts"
import { contextOf } from "./galleryFixtures.ts"
import { logStream } from "./galleryLogs.ts"
import { type GalleryState, galleryStates } from "./galleryStates.tsx"

const assets = join(import.meta.dirname, "../../ui/assets")
const types: Readonly<Record<string, string>> = {
  css: "text/css",
  js: "text/javascript",
  svg: "image/svg+xml",
  woff2: "font/woff2",
}

/** The manager's own policy: what works here must not work only here. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const html = (text: string) =>
  new Response(text, {
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": contentPolicy },
  })

const asset = async (name: string) => {
  const body = await readFile(join(assets, name)).catch(() => undefined)
  const type = types[name.split(".").at(-1) ?? ""] ?? "application/octet-stream"
  return body === undefined
    ? new Response(null, { status: 404 })
    : new Response(body, { headers: { "content-type": type } })
}

const bare = (over: string) => over.replaceAll(/<\/?hx-partial[^>]*>/g, "")

/** A dialog goes where the page expects it; a toast and an answer are already addressed by themselves. */
const withOver = (text: string, over: string) => {
  if (over.startsWith("<dialog")) return text.replace('<div id="dialogs"></div>', `<div id="dialogs">${over}</div>`)
  if (over.includes("#call-answer")) return text.replace('<div id="call-answer"></div>', () => bare(over))
  return text.replace(/(<div id="toasts"[^>]*>)/, `$1${bare(over)}`)
}

const show = (state: GalleryState, url: URL) => {
  const lang = url.searchParams.get("lang") ?? "en"
  const theme = url.searchParams.get("theme") === "dark" ? "dark" : "light"
  const context: PageContext = contextOf(isLanguage(lang) ? lang : "en", theme, state.path)
  const text = renderPage(state.page(context))
  return html(state.over === undefined ? text : withOver(text, render(state.over(context))))
}

const contents = () => {
  const names = Object.keys(galleryStates)
  const links = names.map((name) => `<li><a href="/${name}">${name}</a></li>`)
  return html(`<!doctype html><html lang="en"><title>Gallery</title><ul>${links.join("")}</ul></html>`)
}

const answer = async (request: Request) => {
  const url = new URL(request.url)
  const name = url.pathname.slice(1)
  if (name.startsWith("assets/")) return asset(name.slice("assets/".length))
  if (name === "events") return new Response(": quiet\n\n", { headers: { "content-type": "text/event-stream" } })
  if (name.startsWith("api/services/")) return logStream()
  const state = galleryStates[name]
  if (state !== undefined) return show(state, url)
  return name === "" ? contents() : new Response(null, { status: 404 })
}

export const startGallery = (port = 0) => {
  const server = Bun.serve({ hostname: "127.0.0.1", port, fetch: answer })
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) }
}

if (import.meta.main) console.log(startGallery(Number(process.argv[2] ?? 4300)).url)
