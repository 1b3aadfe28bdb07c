import type { PropsWithChildren } from "hono/jsx"
import { ToastBox, UndoButton } from "../parts/Toast.tsx"
import { paths } from "../Paths.ts"
import type { PageContext } from "../ViewModels.ts"
import { Document } from "./Document.tsx"
import { Side } from "./Side.tsx"
import { type Crumb, TopBar } from "./TopBar.tsx"

type ShellProps = {
  page: PageContext
  title: string
  crumbs?: ReadonlyArray<Crumb>
  /** Of the one stream of the page, separated by commas; none: the page is not live. */
  topics?: string
}

/** A page of someone who is logged in. */
export const Shell = ({ page, title, crumbs = [], topics = "", children }: PropsWithChildren<ShellProps>) => (
  <Document page={page} title={title}>
    <a class="skip" href="#main" hx-boost="false">
      {page.t.skip}
    </a>
    <div class="shell">
      <Side page={page} />
      <div class="column">
        <TopBar page={page} title={title} crumbs={crumbs} />
        <main id="main" tabindex={-1}>
          {topics !== "" && <div id="stream" hx-sse:connect={paths.events(topics)} hx-swap="none" hidden></div>}
          {children}
        </main>
      </div>
    </div>
    <Corner page={page} />
  </Document>
)

/** Where messages and dialogs arrive. */
export const Corner = ({ page }: { page: PageContext }) => (
  <>
    <div id="toasts" role="status" aria-live="polite">
      {page.flash !== undefined && (
        <ToastBox page={page} tone={page.flash.tone} text={page.flash.text}>
          {page.flash.undo !== undefined && <UndoButton page={page} path={page.flash.undo} />}
        </ToastBox>
      )}
    </div>
    <div id="dialogs"></div>
  </>
)
