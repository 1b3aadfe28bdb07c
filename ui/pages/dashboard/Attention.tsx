import { type CronTaskView, runAt } from "../../../src/domain/CronView.ts"
import { cronIs } from "../../Lists.ts"
import { Card } from "../../parts/Card.tsx"
import { Empty } from "../../parts/Empty.tsx"
import { formatNumber } from "../../parts/Format.ts"
import { Status } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { noticeText, told, troubleText } from "../../parts/Trouble.ts"
import { paths } from "../../Paths.ts"
import { exitText } from "../cron/CronRuns.tsx"
import { reasonText } from "../cron/RunReason.ts"
import { placeText, placeTone } from "../cron/PlaceText.ts"
import type { DashboardModel, NodeView, PageContext, ServiceSummary } from "../../ViewModels.ts"

type Concern = {
  readonly tone: "bad" | "warn"
  readonly subject: string
  readonly problem: string
  readonly detail: string | null
  readonly since: number | null
  readonly href: string
}

/** `#attention`: what a person should look at, the worst first, each with the way to it. */
export const Attention = ({ page, model }: { page: PageContext; model: DashboardModel }) => {
  const { dashboard } = page.t
  const concerns = concernsOf(page, model)
  const count = (
    <span class={concerns.length > 0 ? "pill pill-bad" : "pill"}>{formatNumber(page.lang, concerns.length)}</span>
  )
  return (
    <Card id="attention" title={dashboard.attention} actions={count}>
      {concerns.length === 0 ? (
        <Empty icon="ok" title={dashboard.nothing} help={dashboard.nothingHelp} />
      ) : (
        <ConcernTable page={page} concerns={concerns} />
      )}
    </Card>
  )
}

const ConcernTable = ({ page, concerns }: { page: PageContext; concerns: ReadonlyArray<Concern> }) => (
  <div class="table-wrap">
    <table class="table table-concerns">
      <thead>
        <tr>
          <th scope="col">{page.t.column.subject}</th>
          <th scope="col">{page.t.column.problem}</th>
          <th scope="col">{page.t.column.since}</th>
          <th scope="col">
            <span class="hidden">{page.t.column.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {concerns.map((concern) => (
          <tr>
            <td>
              <Status tone={concern.tone}>
                <a class="row-link" href={concern.href}>
                  {concern.subject}
                </a>
              </Status>
            </td>
            <td>
              {concern.problem} {concern.detail !== null && <span class="quiet break">{concern.detail}</span>}
            </td>
            <td class="nowrap quiet">{concern.since === null ? "–" : <Time page={page} at={concern.since} />}</td>
            <td class="actions">
              <a
                class="button button-small"
                href={concern.href}
                aria-label={`${page.t.action.open}: ${concern.subject}, ${concern.problem}`}
              >
                {page.t.action.open}
              </a>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)

const placed = (page: PageContext, { at, problem }: NonNullable<ServiceSummary["trouble"]>) =>
  page.t.bulk.at(at, troubleText(page, problem))

const serviceConcerns = (page: PageContext, service: ServiceSummary): ReadonlyArray<Concern> => {
  const { problem } = page.t.dashboard
  const trouble = service.trouble ?? null
  const concern = (tone: "bad" | "warn", text: string, tab: "endpoints" | "clients" | "process"): Concern => ({
    tone,
    subject: service.name,
    problem: text,
    detail: tab === "clients" || trouble === null ? null : placed(page, trouble),
    since: tab === "clients" ? null : (trouble?.since ?? null),
    href: paths.tab(service.id, tab),
  })
  const { online, total: endpoints, up } = service.endpoints
  const { health, processes } = service
  const processFacts =
    processes !== null && endpoints === 0 && (health === "down" || health === "degraded")
      ? [
          concern(
            health === "down" ? "bad" : "warn",
            processes.running === 0
              ? page.t.processes.nothingRuns
              : page.t.processes.running(processes.running, processes.wanted),
            "process",
          ),
        ]
      : []
  const { total, current, failed } = service.clients
  const behind = total - current - failed
  return [
    ...processFacts,
    ...(health === "down" && endpoints > 0 ? [concern("bad", problem.serviceDown, "endpoints")] : []),
    ...(service.health === "degraded" && up < online
      ? [concern("warn", problem.serviceDegraded(up, online), "endpoints")]
      : []),
    ...(failed > 0 ? [concern("bad", problem.clientsFailed(failed), "clients")] : []),
    ...(service.revision !== null && behind > 0 ? [concern("warn", problem.clientsBehind(behind), "clients")] : []),
  ]
}

const nodeConcerns = (page: PageContext, node: NodeView): ReadonlyArray<Concern> =>
  node.connection === "away" || (node.connection === "never" && node.error !== null)
    ? [
        {
          tone: "bad",
          subject: node.name,
          problem: page.t.dashboard.problem.nodeAway,
          detail: told(page, { text: node.error, problem: node.problem }),
          since: node.since,
          href: `${paths.nodes}?f=away`,
        },
      ]
    : []

const noticeConcerns = (page: PageContext, node: NodeView): ReadonlyArray<Concern> =>
  node.notices.map(({ message, since, subject }) => ({
    tone: "warn",
    subject: node.name,
    problem: `${subject === "" ? "" : page.t.notices.of(subject)}${noticeText(page, message)}`,
    detail: null,
    since,
    href: paths.nodes,
  }))

/** A task that is not where it should be says that; else how its last run ended, when that was badly. */
const cronConcerns = (page: PageContext, task: CronTaskView): ReadonlyArray<Concern> => {
  if (!cronIs(task, "failing")) return []
  const { last, name: subject, place } = task
  const href = paths.cronTask(task.id)
  if (place.state !== "here" && place.state !== "sending") {
    const tone = placeTone(task)
    const problem = placeText(page, task) ?? ""
    return tone === "info" ? [] : [{ tone, subject, problem, detail: null, since: null, href }]
  }
  if (last === null) return []
  const detail = reasonText(page, last) ?? exitText(page, last)
  return [{ tone: "bad", subject, problem: page.t.dashboard.problem.cronFailed, detail, since: runAt(last), href }]
}

const concernsOf = (page: PageContext, model: DashboardModel): ReadonlyArray<Concern> =>
  [
    ...model.nodes.flatMap((node) => [...nodeConcerns(page, node), ...noticeConcerns(page, node)]),
    ...model.services.flatMap((service) => serviceConcerns(page, service)),
    ...model.cron.flatMap((task) => cronConcerns(page, task)),
  ].toSorted((a, b) => Number(a.tone === "warn") - Number(b.tone === "warn"))
