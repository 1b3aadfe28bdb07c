// Makes the third-party files of ui/assets and the list of icon names from the installed packages. The results are
// committed, so that a build needs no network; test/ui/Assets.test.ts asserts that they are still what this makes.
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const packages = join(root, "node_modules")

/** Our name of an icon, and Tabler's. */
const icons: Readonly<Record<string, string>> = {
  alert: "alert-triangle",
  bad: "circle-x",
  calls: "activity",
  check: "check",
  clients: "devices",
  clock: "clock",
  copy: "copy",
  cron: "calendar-time",
  dashboard: "layout-dashboard",
  down: "arrow-down",
  download: "download",
  draft: "file-pencil",
  edit: "pencil",
  endpoints: "topology-star-3",
  filter: "filter",
  format: "indent-increase",
  info: "info-circle",
  key: "key",
  keyboard: "keyboard",
  logout: "logout",
  logs: "logs",
  moon: "moon",
  more: "dots",
  nodes: "server",
  ok: "circle-check",
  pause: "player-pause",
  play: "player-play",
  plus: "plus",
  power: "power",
  process: "cpu",
  push: "send",
  refresh: "refresh",
  restart: "rotate-clockwise",
  search: "search",
  services: "stack-2",
  sun: "sun",
  tasks: "checklist",
  trash: "trash",
  x: "x",
}

const symbol = async (name: string, tablerName: string) => {
  const source = await readFile(join(packages, `@tabler/icons/icons/outline/${tablerName}.svg`), "utf8")
  const shapes = source
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<\/?svg[^>]*>/g, "")
    .replace(/<path stroke="none"[^>]*\/>/g, "")
    .replace(/\s*\n\s*/g, "")
    .trim()
  const look = `fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"`
  return `<symbol id="${name}" viewBox="0 0 24 24" ${look}>${shapes}</symbol>\n`
}

const sprite = async () => {
  const symbols = await Promise.all(Object.entries(icons).map(([name, tablerName]) => symbol(name, tablerName)))
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("")}</svg>\n`
}

const iconNames = () => {
  const names = Object.keys(icons).map((name) => `  | "${name}"\n`)
  return `/** The icons of the sprite. Made by scripts/assets.ts. */\nexport type IconName =\n${names.join("")}`
}

/** Every file this makes, with its contents. */
export const makeAssets = async (): Promise<ReadonlyMap<string, Uint8Array>> => {
  const text = (value: string) => new TextEncoder().encode(value)
  const copy = async (path: string) => new Uint8Array(await readFile(join(packages, path)))
  return new Map([
    ["ui/assets/htmx.min.js", await copy("htmx.org/dist/htmx.min.js")],
    ["ui/assets/hx-sse.min.js", await copy("htmx.org/dist/ext/hx-sse.min.js")],
    ["ui/assets/inter.woff2", await copy("@fontsource-variable/inter/files/inter-latin-wght-normal.woff2")],
    ["ui/assets/icons.svg", text(await sprite())],
    ["ui/parts/IconName.ts", text(iconNames())],
  ])
}

if (import.meta.main) {
  for (const [path, contents] of await makeAssets()) {
    await mkdir(join(root, path, ".."), { recursive: true })
    await writeFile(join(root, path), contents)
  }
}
