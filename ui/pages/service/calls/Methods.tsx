import type { CallsView, MethodRow } from "../../../../src/domain/CallFigures.ts"
import { Card } from "../../../parts/Card.tsx"
import { formatMicros, formatNumber, formatRate, formatShare } from "../../../parts/Format.ts"
import { Icon } from "../../../parts/Icon.tsx"
import { Spark } from "../../../parts/TimeChart.tsx"
import { paths } from "../../../Paths.ts"
import type { PageContext } from "../../../ViewModels.ts"
import { isFailing } from "./Figures.tsx"

type Props = { page: PageContext; serviceId: string; view: CallsView }

/** `#calls-methods`: a row for each method; errors by code when it is opened. */
export const Methods = ({ page, serviceId, view }: Props) => {
  const { calls } = page.t
  if (view.methods.length === 0) return <div id="calls-methods" hidden></div>
  return (
    <Card id="calls-methods" title={calls.byMethod} actions={<span class="quiet small">{calls.recent}</span>}>
      <div class="table-wrap" tabindex={0} role="group" aria-label={calls.byMethod}>
        <table class="table table-fixed table-methods" aria-label={calls.byMethod}>
          <colgroup>
            <col />
            <col class="width-figure" />
            <col class="width-figure" />
            <col class="width-figure" />
            <col class="width-figure" />
            <col class="width-figure" />
            <col class="width-total" />
            <col class="width-spark" />
          </colgroup>
          <thead>
            <tr>
              <th scope="col">{calls.method}</th>
              <NumberHead text={calls.rate} />
              <NumberHead text={calls.errorShare} />
              <NumberHead text={calls.p50} />
              <NumberHead text={calls.p99} />
              <NumberHead text={calls.runningColumn} />
              <NumberHead text={calls.total} />
              <th scope="col">{calls.trend}</th>
            </tr>
          </thead>
          <tbody>
            {view.methods.map((method) => (
              <Method page={page} serviceId={serviceId} method={method} looks={Math.ceil(view.spanMs / view.stepMs)} />
            ))}
          </tbody>
        </table>
      </div>
      {view.more > 0 && <p class="card-foot quiet">{calls.more(view.more)}</p>}
    </Card>
  )
}

const NumberHead = ({ text }: { text: string }) => (
  <th scope="col" class="number">
    {text}
  </th>
)

/** The name as a part of an id. */
const idOf = (name: string) =>
  name.replaceAll(/[^A-Za-z0-9]/g, (sign) => `_${sign.codePointAt(0)?.toString(16) ?? ""}_`)

type MethodProps = { page: PageContext; serviceId: string; method: MethodRow }

const Method = ({ page, serviceId, method, looks }: MethodProps & { looks: number }) => {
  const { lang } = page
  const { nothing } = page.t.calls
  const micros = (value: number | null) => (value === null ? nothing : formatMicros(lang, value))
  const failing = isFailing(method.errorShare)
  return (
    <tr id={`method-${idOf(method.name)}`} class="method-row">
      <td>
        <Details page={page} serviceId={serviceId} method={method} />
      </td>
      <td class="number">{method.perSecond === null ? nothing : formatRate(lang, method.perSecond)}</td>
      <td class={failing ? "number bad" : "number quiet"}>
        {method.errorShare === null ? nothing : formatShare(lang, method.errorShare)}
      </td>
      <td class="number">{micros(method.p50)}</td>
      <td class="number">{micros(method.p99)}</td>
      <td class={method.running > 0 ? "number" : "number quiet"}>{formatNumber(lang, method.running)}</td>
      <td class="number quiet">{formatNumber(lang, method.since.calls)}</td>
      <td class="spark-cell">
        <Spark values={method.spark} count={looks} tone={failing ? "bad" : "info"} />
      </td>
    </tr>
  )
}

/** Stays open while its figures change: the browser's own `open` is left alone by live updates. */
const Details = ({ page, serviceId, method }: MethodProps) => {
  const { calls } = page.t
  const { lang } = page
  const micros = (value: number | null) => (value === null ? calls.nothing : formatMicros(lang, value))
  return (
    <details class="method">
      <summary>
        <code>{method.name}</code>
        {method.kind !== "unary" && (
          <span class="pill">{method.kind === "stream" ? calls.stream : calls.taskKind}</span>
        )}
      </summary>
      <div class="method-more">
        {method.kind !== "task" && (
          <p class="quiet">
            <code class="break">
              {method.name}({method.signature})
            </code>
            {method.signature === "" && ` · ${calls.takesNothing}`}
          </p>
        )}
        {method.description !== null && <p>{method.description}</p>}
        <dl class="facts">
          <dt>{calls.sinceStart}</dt>
          <dd>
            {calls.p50} {micros(method.since.p50)} · {calls.p99} {micros(method.since.p99)} · {calls.p999}{" "}
            {micros(method.since.p999)} · {calls.longest} {micros(method.since.calls === 0 ? null : method.since.max)}
          </dd>
        </dl>
        {method.errors.length === 0 ? (
          <p class="quiet">{calls.noErrors}</p>
        ) : (
          <table class="table-plain" aria-label={`${calls.errorsByCode}: ${method.name}`}>
            <thead>
              <tr>
                <th scope="col">{calls.code}</th>
                <NumberHead text={calls.recent} />
                <NumberHead text={calls.total} />
              </tr>
            </thead>
            <tbody>
              {method.errors.map(({ code, recent, total }) => (
                <tr>
                  <td>
                    <code>{code}</code>
                  </td>
                  <td class={recent > 0 ? "number bad" : "number quiet"}>{formatNumber(lang, recent)}</td>
                  <td class="number">{formatNumber(lang, total)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {method.kind !== "task" && <CallIt page={page} serviceId={serviceId} method={method} />}
      </div>
    </details>
  )
}

/** Takes the method to the console below. */
const CallIt = ({ page, serviceId, method }: MethodProps) => {
  const { calls } = page.t
  return (
    <div>
      <button
        type="button"
        class="button button-small"
        hx-get={paths.callOf(serviceId, method.name)}
        hx-select="#call-console"
        hx-target="#call-console"
        hx-swap="outerHTML"
        aria-label={calls.console.chooseOf(method.name)}
      >
        <Icon name="calls" />
        {calls.console.choose}
      </button>
    </div>
  )
}
