import { PageHead } from "../../layout/PageHead.tsx"
import { formatNumber } from "../../parts/Format.ts"
import { HealthStatus } from "../../parts/HealthStatus.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { Menu } from "../../parts/Menu.tsx"
import { type ServiceTab, paths } from "../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail }

export const ServiceHead = ({ page, service, tab }: Props & { tab: ServiceTab }) => (
  <>
    <PageHead
      title={service.name}
      beside={<ServiceStatus page={page} service={service} />}
      subtitle={service.description}
      actions={service.kernel ? undefined : <Actions page={page} service={service} />}
    />
    <nav class="tabs" aria-label={service.name}>
      <ul>
        <Tab page={page} service={service} tab="endpoints" current={tab} count={service.endpointsList.length} />
        <Tab page={page} service={service} tab="clients" current={tab} count={service.clientsList.length} />
        <Tab page={page} service={service} tab="process" current={tab} />
        <Tab page={page} service={service} tab="calls" current={tab} />
        <Tab page={page} service={service} tab="tasks" current={tab} />
        <Tab page={page} service={service} tab="logs" current={tab} />
      </ul>
    </nav>
  </>
)

/** `#service-status` */
export const ServiceStatus = ({ page, service }: Props) => (
  <span id="service-status">
    <HealthStatus page={page} health={service.health} />
  </span>
)

const Actions = ({ page, service }: Props) => {
  const text = page.t.service
  return (
    <>
      <a class="button" href={paths.editService(service.id)}>
        <Icon name="edit" />
        {text.edit}
      </a>
      <Menu id="service-menu" label={page.t.action.more}>
        <button
          type="button"
          class="menu-item bad"
          hx-delete={paths.service(service.id)}
          hx-confirm={text.deleteTitle(service.name)}
          data-confirm-help={text.deleteHelp}
          data-confirm-yes={text.delete}
          data-confirm-danger=""
          data-confirm-type={service.name}
          data-confirm-label={text.typeName(service.name)}
        >
          <Icon name="trash" />
          {text.delete}
        </button>
      </Menu>
    </>
  )
}

type TabProps = Props & { tab: ServiceTab; current: ServiceTab; count?: number }

const Tab = ({ page, service, tab, current, count }: TabProps) => (
  <li>
    <a href={paths.tab(service.id, tab)} aria-current={tab === current ? "page" : undefined}>
      <Icon name={tab} />
      {page.t.service.tabs[tab]}
      {count !== undefined && <TabCount page={page} tab={tab} count={count} />}
    </a>
  </li>
)

/** `#tab-count-<tab>` */
export const TabCount = ({ page, tab, count }: { page: PageContext; tab: ServiceTab; count: number }) => (
  <span class="count" id={`tab-count-${tab}`}>
    {formatNumber(page.lang, count)}
  </span>
)
