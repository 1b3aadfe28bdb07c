import type { PropsWithChildren } from "hono/jsx"
import { Shell } from "../../layout/Shell.tsx"
import { type ServiceTab, paths } from "../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../ViewModels.ts"
import { DraftBanner } from "./DraftBanner.tsx"
import { ServiceHead } from "./ServiceHead.tsx"

type Props = { page: PageContext; service: ServiceDetail; tab: ServiceTab }

/** The topic of a tab: that of the service, or of more than all tabs show. */
const topicOf = (id: string, tab: ServiceTab) => {
  if (tab === "process") return `care:${id}`
  return tab === "calls" || tab === "tasks" ? `${tab}:${id}` : `service:${id}`
}

/** What the tabs of one service have in common: head, tabs, draft. */
export const ServicePage = ({ page, service, tab, children }: PropsWithChildren<Props>) => (
  <Shell
    page={page}
    title={service.name}
    crumbs={[{ label: page.t.nav.services, href: paths.services }]}
    topics={topicOf(service.id, tab)}
  >
    <ServiceHead page={page} service={service} tab={tab} />
    <DraftBanner page={page} service={service} />
    {children}
  </Shell>
)
