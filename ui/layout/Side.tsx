import { Icon } from "../parts/Icon.tsx"
import type { IconName } from "../parts/IconName.ts"
import { paths } from "../Paths.ts"
import type { PageContext } from "../ViewModels.ts"
import { Logo } from "./Logo.tsx"

type Room = {
  readonly href: string
  readonly icon: IconName
  readonly key: "dashboard" | "services" | "nodes" | "cron"
}

const rooms: ReadonlyArray<Room> = [
  { href: paths.dashboard, icon: "dashboard", key: "dashboard" },
  { href: paths.services, icon: "services", key: "services" },
  { href: paths.nodes, icon: "nodes", key: "nodes" },
  { href: paths.cron, icon: "cron", key: "cron" },
]

const isCurrent = (href: string, path: string) => {
  const place = path.split("?")[0] ?? path
  return href === paths.dashboard ? place === href : place === href || place.startsWith(`${href}/`)
}

/** The rooms of the product, and who is logged in. */
export const Side = ({ page }: { page: PageContext }) => (
  <aside id="side" class="side">
    <a class="brand" href={paths.dashboard} aria-label={page.t.product}>
      <Logo />
      <span>{page.t.product}</span>
    </a>
    <nav aria-label={page.t.nav.main}>
      <ul>
        {rooms.map(({ href, icon, key }) => (
          <li>
            <a href={href} aria-current={isCurrent(href, page.path) ? "page" : undefined} data-room={key}>
              <Icon name={icon} />
              <span>{page.t.nav[key]}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
    {page.user !== null && <Account page={page} name={page.user.name} />}
  </aside>
)

const initials = (name: string) => {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "")
  return words
    .map((word) => [...word][0])
    .slice(0, 2)
    .join("")
    .toUpperCase()
}

const Account = ({ page, name }: { page: PageContext; name: string }) => (
  <div class="account">
    <button type="button" class="account-button" popovertarget="account-menu" title={page.t.nav.account}>
      <span class="avatar" aria-hidden="true">
        {initials(name)}
      </span>
      <span class="account-name">{name}</span>
    </button>
    <div class="menu" id="account-menu" popover="auto">
      <a class="menu-item" href={paths.password}>
        <Icon name="key" />
        {page.t.nav.password}
      </a>
      <button type="button" class="menu-item" hx-post={paths.logout}>
        <Icon name="logout" />
        {page.t.nav.logout}
      </button>
    </div>
  </div>
)
