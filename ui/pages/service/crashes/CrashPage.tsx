import type { CrashDetail } from "../../../../src/domain/Inspection.ts"
import { processProblem } from "../../../../src/domain/Problem.ts"
import type { Child } from "hono/jsx"
import { Card } from "../../../parts/Card.tsx"
import { formatBytes, formatMicros, formatNumber } from "../../../parts/Format.ts"
import { LocalTime } from "../../../parts/Time.tsx"
import { niceBytes, type Series, TimeChart } from "../../../parts/TimeChart.tsx"
import { troubleText } from "../../../parts/Trouble.ts"
import { paths } from "../../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { ServicePage } from "../ServicePage.tsx"
import { formatLong, placeText } from "./Places.tsx"

type Props = { page: PageContext; crash: CrashDetail }

const minuteMs = 60_000
/** Samples come each two seconds. */
const gapMs = 10_000

/** How one process ended: why, what it used before, what it was doing, and what it said last. */
export const CrashPage = ({ page, service, crash }: Props & { service: ServiceDetail }) => (
  <ServicePage page={page} service={service} tab="process">
    <div class="stack">
      <Facts page={page} serviceId={service.id} crash={crash} />
      <Log page={page} crash={crash} />
      <OpenCalls page={page} crash={crash} />
      <Charts page={page} crash={crash} />
    </div>
  </ServicePage>
)

const Facts = ({ page, serviceId, crash }: Props & { serviceId: string }) => {
  const { crashes } = page.t
  const facts: ReadonlyArray<readonly [name: string, text: Child]> = [
    [crashes.when, <LocalTime page={page} at={crash.at} />],
    [crashes.where, crashes.whereText(crash.nodeName, placeText(page.t, crash), crash.pid)],
    [crashes.ran, formatLong(page, crash.ranMs)],
    [crashes.exit, exitText(page, crash)],
    [crashes.revision, revisionText(page, crash)],
  ]
  const title = crashes.heading(crash.name)
  return (
    <Card
      title={title}
      actions={
        <a class="button button-small" href={paths.tab(serviceId, "process")}>
          {crashes.back}
        </a>
      }
    >
      <p class="card-note bad break">
        {crash.outOfMemory && <b>{crashes.outOfMemory}: </b>}
        {troubleText(page, processProblem(crash.reason))}
      </p>
      <dl class="facts crash-facts">
        {facts.map(([name, text]) => (
          <div>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

const exitText = ({ t }: PageContext, { code, signal }: CrashDetail) =>
  signal ?? (code === null ? t.crashes.notKnown : t.crashes.code(code))

const revisionText = ({ t }: PageContext, { lastGoodRevision: good, specRevision }: CrashDetail) => {
  if (good === null) return t.crashes.revisionNew(specRevision)
  return good === specRevision ? t.crashes.revisionGood(good) : t.crashes.revisionBehind(specRevision, good)
}

type Figure = {
  readonly title: string
  readonly label: (highest: string) => string
  readonly tone: Series["tone"]
  readonly values: ReadonlyArray<number | null>
  readonly format: (value: number) => string
  readonly maximumOf?: (value: number) => number
}

const Charts = ({ page, crash }: Props) => {
  const { crashes } = page.t
  const { samples } = crash
  const figures: ReadonlyArray<Figure> = [
    {
      title: crashes.memory,
      label: crashes.memoryChart,
      tone: "info",
      values: samples.map(({ rssBytes }) => rssBytes),
      format: (value) => formatBytes(page.lang, value),
      maximumOf: niceBytes,
    },
    {
      title: crashes.cpu,
      label: crashes.cpuChart,
      tone: "ok",
      values: samples.map(({ cpuPercent }) => cpuPercent),
      format: (value) => crashes.percent(formatNumber(page.lang, value)),
    },
    {
      title: crashes.lag,
      label: crashes.lagChart,
      tone: "warn",
      values: samples.map(({ loopLagMs }) => loopLagMs),
      format: (value) => formatMicros(page.lang, value * 1_000),
    },
  ]
  if (samples.length === 0)
    return (
      <Card title={crashes.lastMinute}>
        <p class="card-note quiet">{crashes.noSamples}</p>
      </Card>
    )
  return (
    <div class="charts charts-three">
      {figures
        .filter(({ values }) => values.some((value) => value !== null))
        .map(({ format, label, maximumOf, title, tone, values }) => (
          <TimeChart
            title={title}
            label={label(format(Math.max(...values.map((value) => value ?? 0))))}
            times={samples.map(({ at }) => at)}
            now={crash.at}
            spanMs={minuteMs}
            gapMs={gapMs}
            series={[
              {
                tone,
                label: page.t.crashes.theEnd,
                value: format(values.at(-1) ?? 0),
                filled: tone === "info",
                values,
              },
            ]}
            format={format}
            {...(maximumOf === undefined ? {} : { maximumOf })}
            ends={[crashes.minuteAgo, crashes.theEnd]}
          />
        ))}
    </div>
  )
}

const OpenCalls = ({ page, crash }: Props) => {
  const { crashes } = page.t
  const more = crash.openCallCount - crash.openCalls.length
  return (
    <Card title={crashes.openCalls}>
      {crash.openCalls.length === 0 ? (
        <p class="card-note quiet">{crashes.noOpenCalls}</p>
      ) : (
        <div class="table-wrap" tabindex={0} role="group" aria-label={crashes.openCalls}>
          <table class="table table-attention" aria-label={crashes.openCalls}>
            <thead>
              <tr>
                <th scope="col">{crashes.method}</th>
                <th scope="col" class="number">
                  {crashes.age}
                </th>
                <th scope="col">{crashes.caller}</th>
              </tr>
            </thead>
            <tbody>
              {crash.openCalls.map(({ ageMs, method, remote }) => (
                <tr>
                  <td class="mono break">{method}</td>
                  <td class="number">{formatLong(page, ageMs)}</td>
                  <td class="mono quiet">{remote === "" ? "–" : remote}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more > 0 && <p class="card-note quiet">{crashes.moreCalls(more)}</p>}
    </Card>
  )
}

/** What it said last is at the end, where the box opens. */
const Log = ({ page, crash: { log } }: Props) => {
  const { crashes } = page.t
  return (
    <Card title={crashes.log}>
      {log.length === 0 ? (
        <p class="card-note quiet">{crashes.noLog}</p>
      ) : (
        <pre class="code crash-log" tabindex={0} role="group" aria-label={crashes.log} data-from-end="">
          {log.map(({ at, stream, text }) => (
            <span class={stream === "err" ? "bad" : undefined}>
              <span class="quiet">
                <LocalTime page={page} at={at} clock />
              </span>{" "}
              {text}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </Card>
  )
}
