import type { Child } from "hono/jsx"

type Node = { toString(): string } | Child

/** The text of a fragment, or of several one after the other. All of ui is synchronous. */
export const render = (...nodes: ReadonlyArray<Node>): string =>
  nodes.map((node) => (node === null || node === undefined || node === false ? "" : String(node))).join("")

/** The text of a whole page. */
export const renderPage = (page: Node): string => `<!doctype html>${render(page)}`
