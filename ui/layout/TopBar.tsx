import { Icon } from "../parts/Icon.tsx"
import { IconButton } from "../parts/IconButton.tsx"
import { paths } from "../Paths.ts"
import type { PageContext } from "../ViewModels.ts"

export type Crumb = { readonly label: string; readonly href: string }

/** Where one is, whether the page is live, and how it looks. */
export const TopBar = ({ page, title, crumbs }: { page: PageContext; title: string; crumbs: ReadonlyArray<Crumb> }) => (
  <header class="top">
    <Crumbs page={page} title={title} crumbs={crumbs} />
    <span id="live" class="live" role="status" data-on={page.t.live.on} data-off={page.t.live.off}>
      <i aria-hidden="true"></i>
      <span>{page.t.live.on}</span>
    </span>
    <IconButton
      icon="keyboard"
      label={page.t.keys.title}
      with={{ "hx-get": paths.keys, "hx-target": "#dialogs", "hx-swap": "innerHTML", "data-keys": "" }}
    />
    <LanguageLink page={page} />
    <ThemeButton page={page} />
  </header>
)

const Crumbs = ({ page, title, crumbs }: { page: PageContext; title: string; crumbs: ReadonlyArray<Crumb> }) => (
  <nav id="crumbs" class="crumbs" aria-label={page.t.nav.crumbs}>
    <ol>
      {crumbs.map(({ label, href }) => (
        <li>
          <a href={href}>{label}</a>
        </li>
      ))}
      <li aria-current="page">{title}</li>
    </ol>
  </nav>
)

/** The other language, in its own words. A plain link: the whole page changes. */
export const LanguageLink = ({ page }: { page: PageContext }) => {
  const other = page.lang === "en" ? "zh-CN" : "en"
  return (
    <a
      id="language"
      class="button button-ghost button-small"
      href={paths.language(other, page.path)}
      lang={other}
      hx-boost="false"
    >
      {page.t.otherLanguage}
    </a>
  )
}

/** Stored in the cookie `theme` by assets/theme.js; without one the system decides. */
export const ThemeButton = ({ page }: { page: PageContext }) => (
  <button
    type="button"
    class="button button-icon button-ghost theme-button"
    aria-label={page.t.theme}
    title={page.t.theme}
    data-theme-toggle=""
  >
    <Icon name="sun" />
    <Icon name="moon" />
  </button>
)
