import type { PropsWithChildren } from "hono/jsx"
import type { PageContext } from "../ViewModels.ts"
import { Document } from "./Document.tsx"
import { Logo } from "./Logo.tsx"
import { Corner } from "./Shell.tsx"
import { LanguageLink, ThemeButton } from "./TopBar.tsx"

/** A page of someone who is not logged in: one narrow card. */
export const Plain = ({ page, title, children }: PropsWithChildren<{ page: PageContext; title: string }>) => (
  <Document page={page} title={title}>
    <div class="plain">
      <header class="plain-head">
        <span class="brand">
          <Logo />
          <span>{page.t.product}</span>
        </span>
        <LanguageLink page={page} />
        <ThemeButton page={page} />
      </header>
      <main id="main" class="plain-main" tabindex={-1}>
        {children}
      </main>
    </div>
    <Corner page={page} />
  </Document>
)
