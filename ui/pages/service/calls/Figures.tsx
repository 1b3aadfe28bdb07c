import type { CallPoint, CallsView } from "../../../../src/domain/CallFigures.ts"
import { Empty } from "../../../parts/Empty.tsx"
import { formatBytes, formatMicros, formatNumber, formatRate, formatShare } from "../../../parts/Format.ts"
import { TimeChart } from "../../../parts/TimeChart.tsx"
import { paths } from "../../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"

type Props = { page: PageContext; view: CallsView }
type ServiceProps = Props & { service: ServiceDetail }

/** `#calls-figures`: all calls together, and the last minutes as pictures; or why there are none. */
export const Figures = ({ page, service, view }: ServiceProps) => (
  <div id="calls-figures" class="stack">
    {view.known ? (
      <>
        <Tiles page={page} view={view} />
        {view.totals.calls === 0 ? (
          <div class="card">
            <Empty icon="calls" title={page.t.calls.noCalls} help={page.t.calls.noCallsHelp} />
          </div>
        ) : (
          <Charts page={page} view={view} />
        )}
      </>
    ) : (
      <Nothing page={page} service={service} view={view} />
    )}
  </div>
)

const Nothing = ({ page, service, view }: ServiceProps) => {
  const { calls } = page.t
  if (service.process === null)
    return (
      <div class="card">
        <Empty icon="calls" title={calls.noProcess} help={calls.noProcessHelp}>
          <a class="button button-primary" href={paths.tab(service.id, "process")}>
            {calls.toProcess}
          </a>
        </Empty>
      </div>
    )
  if (service.process.instances.length === 0)
    return (
      <div class="card">
        <Empty icon="calls" title={calls.noNodes} help={calls.noNodesHelp}>
          <a class="button button-primary" href={paths.editService(service.id)}>
            {calls.toEndpoints}
          </a>
        </Empty>
      </div>
    )
  // Nodes that are silent are named under it.
  return view.silent.length > 0 ? null : (
    <div class="card">
      <Empty icon="clock" title={calls.waiting} help={calls.waitingHelp} />
    </div>
  )
}

const Tiles = ({ page, view: { totals } }: Props) => {
  const { calls } = page.t
  const { lang } = page
  const micros = (value: number | null) => (value === null ? calls.nothing : formatMicros(lang, value))
  const failing = isFailing(totals.errorShare)
  return (
    <div class="tiles">
      <Tile
        label={calls.perSecond}
        value={totals.perSecond === null ? calls.nothing : formatRate(lang, totals.perSecond)}
      >
        <span class="quiet">{calls.since(formatNumber(lang, totals.calls))}</span>
      </Tile>
      <Tile
        label={calls.errors}
        value={totals.errorShare === null ? calls.nothing : formatShare(lang, totals.errorShare)}
        bad={failing}
      >
        <span class={totals.refused > 0 ? "warn" : "quiet"}>
          {totals.refused > 0 ? calls.refused(formatNumber(lang, totals.refused)) : calls.noneRefused}
        </span>
      </Tile>
      <Tile label={`${calls.latency} ${calls.p99}`} value={micros(totals.p99)}>
        <span class="quiet">{calls.median(micros(totals.p50))}</span>
      </Tile>
      <Tile label={calls.running} value={formatNumber(lang, totals.running)}>
        <span class="quiet">{calls.connections(totals.connections)}</span>
      </Tile>
      <Tile label={calls.workers} value={formatNumber(lang, totals.workers)}>
        <span class="quiet">{calls.idle(totals.idleWorkers)}</span>
        <span class="quiet">{calls.memory(formatBytes(lang, totals.rssBytes))}</span>
        <span class={totals.loopLagMs >= lagHigh ? "warn" : "quiet"}>
          {calls.lag(formatMicros(lang, totals.loopLagMs * 1_000))}
        </span>
      </Tile>
    </div>
  )
}

/** One call of a hundred that fails is a matter for a person; single ones are not. */
export const isFailing = (share: number | null): boolean => share !== null && share >= 0.01

/** An event loop that is later than this delays every call of its worker. Milliseconds. */
export const lagHigh = 100

type TileProps = { label: string; value: string; bad?: boolean; children?: unknown }

const Tile = ({ label, value, bad = false, children }: TileProps) => (
  <div class="tile">
    <span class="tile-label">{label}</span>
    <span class={bad ? "tile-number bad" : "tile-number"}>{value}</span>
    <span class="tile-facts">{children}</span>
  </div>
)

const highestOf = (points: ReadonlyArray<CallPoint>, of: (point: CallPoint) => number | null) =>
  points.reduce((max, point) => Math.max(max, of(point) ?? 0), 0)

const Charts = ({ page, view }: Props) => {
  const { calls } = page.t
  const { lang } = page
  const { now, points, spanMs } = view
  const last = points.at(-1)
  const rate = (value: number | undefined) => (value === undefined ? calls.nothing : formatRate(lang, value))
  const micros = (value: number | null | undefined) =>
    value === null || value === undefined ? calls.nothing : formatMicros(lang, value)
  const common = {
    times: points.map(({ at }) => at),
    now,
    spanMs,
    gapMs: 3 * view.stepMs,
    ends: [calls.minutesAgo(Math.round(spanMs / 60_000)), calls.nowValue] as const,
  }
  return (
    <div class="charts">
      <TimeChart
        {...common}
        title={calls.perSecond}
        label={calls.chart(
          calls.perSecond,
          rate(last?.perSecond),
          rate(highestOf(points, ({ perSecond }) => perSecond)),
        )}
        format={(value) => formatRate(lang, value)}
        series={[
          {
            tone: "info",
            label: calls.rate,
            value: rate(last?.perSecond),
            filled: true,
            values: points.map(({ perSecond }) => perSecond),
          },
          {
            tone: "bad",
            label: calls.errors,
            value: rate(last?.errorsPerSecond),
            values: points.map(({ errorsPerSecond }) => errorsPerSecond),
          },
        ]}
      />
      <TimeChart
        {...common}
        title={calls.latency}
        label={calls.chart(calls.latency, micros(last?.p99), micros(highestOf(points, ({ p99 }) => p99)))}
        format={(value) => formatMicros(lang, value)}
        series={[
          { tone: "ok", label: calls.p50, value: micros(last?.p50), values: points.map(({ p50 }) => p50) },
          { tone: "warn", label: calls.p99, value: micros(last?.p99), values: points.map(({ p99 }) => p99) },
        ]}
      />
    </div>
  )
}
