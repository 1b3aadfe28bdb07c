import type { PropsWithChildren } from "hono/jsx"
import { assetUrl } from "../AssetUrl.ts"
import type { PageContext } from "../ViewModels.ts"

/** What is open stays open: live updates bring new contents, and leave the browser's own `open` alone. */
const morphIgnore = ["data-htmx-powered", "open"]
const htmxConfig = JSON.stringify({ noSwap: [204, 304, "5xx"], defaultTimeout: 20_000, extensions: "sse", morphIgnore })

/** A boosted link swaps the content, and what around it depends on the page. */
const boost =
  "target:#main select:#main swap:outerHTML selectOOB:'#side:outerMorph,#crumbs:outerHTML,#language:outerHTML'"

type DocumentProps = { page: PageContext; title: string }

/**
 * The frame of every page, and the whole setup of the browser. Default of every request: send, swap nothing, let the
 * partials of the answer do the work; a second click while one is under way is dropped.
 */
export const Document = ({ page, title, children }: PropsWithChildren<DocumentProps>) => (
  <html lang={page.lang} data-theme={page.theme}>
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="htmx-config" content={htmxConfig} />
      <title>{`${title} · ${page.t.product}`}</title>
      <link rel="icon" type="image/svg+xml" href={assetUrl("logo.svg")} />
      <link rel="preload" href={assetUrl("inter.woff2")} as="font" type="font/woff2" crossorigin="anonymous" />
      <link rel="stylesheet" href={assetUrl("app.css")} />
      <script src={assetUrl("htmx.min.js")} defer></script>
      <script src={assetUrl("hx-sse.min.js")} defer></script>
      <script src={assetUrl("app.js")} type="module"></script>
    </head>
    <body
      hx-target:inherited="#toasts"
      hx-swap:inherited="none"
      hx-sync:inherited="drop"
      hx-headers:inherited={JSON.stringify({ "X-CSRF-Token": page.csrf })}
      hx-boost:inherited={boost}
      data-text-failed={page.t.problem.failed}
      data-text-network={page.t.problem.network}
      data-text-cancel={page.t.action.cancel}
      data-text-confirm={page.t.action.confirm}
      data-text-dismiss={page.t.action.dismiss}
      data-text-copied={page.t.action.copied}
    >
      {children}
    </body>
  </html>
)
