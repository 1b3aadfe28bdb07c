import type { Child } from "hono/jsx"
import { formatNumber } from "../../parts/Format.ts"
import { Icon } from "../../parts/Icon.tsx"
import type { IconName } from "../../parts/IconName.ts"
import { Status, type Tone } from "../../parts/Status.tsx"
import { paths } from "../../Paths.ts"
import type { DashboardModel, PageContext } from "../../ViewModels.ts"

/** `#tiles`: how many of each there are, and how many of them are well. Problems first, "all well" only when there are none. */
export const Tiles = ({ page, model }: { page: PageContext; model: DashboardModel }) => {
  const { dashboard, column } = page.t
  const { services, endpoints, nodes, clients, workers } = model.counts
  const behind = clients.total - clients.current - clients.failed
  return (
    <div id="tiles" class="tiles">
      <Tile page={page} icon="services" label={column.services} href={paths.services} count={services.total}>
        <Facts
          whole={services.total}
          none={dashboard.none}
          well={dashboard.healthyOf(services.healthy, services.total)}
          calm={services.healthy < services.total}
          facts={[
            ["bad", services.down, dashboard.down],
            ["warn", services.degraded, dashboard.degraded],
          ]}
        />
      </Tile>
      <Tile page={page} icon="endpoints" label={column.endpoints} count={endpoints.up} of={endpoints.total}>
        <Facts
          whole={endpoints.total}
          none={dashboard.none}
          well={dashboard.upOf(endpoints.up, endpoints.online)}
          facts={[
            ["bad", endpoints.online - endpoints.up, dashboard.down],
            ["off", endpoints.total - endpoints.online, dashboard.offline],
          ]}
        />
      </Tile>
      <Tile page={page} icon="process" label={column.workers} count={workers.ready} of={workers.want}>
        <Facts
          whole={workers.want}
          none={dashboard.none}
          well={dashboard.workersReady(workers.ready, workers.want)}
          facts={[["bad", workers.want - workers.ready, dashboard.down]]}
        />
      </Tile>
      <Tile
        page={page}
        icon="nodes"
        label={page.t.nav.nodes}
        href={paths.nodes}
        count={nodes.connected}
        of={nodes.total}
      >
        <Facts
          whole={nodes.total}
          none={dashboard.none}
          well={dashboard.allConnected}
          facts={[["bad", nodes.total - nodes.connected, dashboard.away]]}
        />
      </Tile>
      <Tile page={page} icon="clients" label={column.clients} count={clients.current} of={clients.total}>
        <Facts
          whole={clients.total}
          none={dashboard.none}
          well={dashboard.current}
          facts={[
            ["bad", clients.failed, dashboard.failed],
            ["warn", behind, dashboard.behind],
          ]}
        />
      </Tile>
    </div>
  )
}

type TileProps = {
  page: PageContext
  icon: IconName
  label: string
  count: number
  of?: number
  href?: string
  children?: Child
}

const Tile = ({ page, icon, label, count, of, href, children }: TileProps) => {
  const body = (
    <>
      <span class="tile-label">
        <Icon name={icon} />
        {label}
      </span>
      <span class="tile-number">
        {formatNumber(page.lang, count)}
        {of !== undefined && <small>{` / ${formatNumber(page.lang, of)}`}</small>}
      </span>
      <span class="tile-facts">{children}</span>
    </>
  )
  return href === undefined ? (
    <div class="tile">{body}</div>
  ) : (
    <a class="tile" href={href}>
      {body}
    </a>
  )
}

type Fact = readonly [Tone, number, (count: number) => string]

type FactsProps = { whole: number; none: string; well: string; calm?: boolean; facts: ReadonlyArray<Fact> }

/** `calm`: not all are well, but nothing is wrong either. */
const Facts = (props: FactsProps) => {
  if (props.whole === 0) return <span class="quiet">{props.none}</span>
  const shown = props.facts.filter(([, count]) => count > 0)
  const needs = shown.some(([tone]) => tone !== "off")
  return (
    <>
      {!needs && <Status tone={props.calm === true ? "off" : "ok"}>{props.well}</Status>}
      {shown.map(([tone, count, text]) => (
        <Status tone={tone}>{text(count)}</Status>
      ))}
    </>
  )
}
