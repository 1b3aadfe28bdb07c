import type { CallsView } from "../../../../src/domain/CallFigures.ts"
import { Card } from "../../../parts/Card.tsx"
import { formatBytes, formatMicros, formatNumber } from "../../../parts/Format.ts"
import { troubleText } from "../../../parts/Trouble.ts"
import type { PageContext } from "../../../ViewModels.ts"
import { lagHigh } from "./Figures.tsx"

type Props = { page: PageContext; view: CallsView }

/** `#calls-workers`: each worker process of each node, and the nodes that tell nothing. */
export const Workers = ({ page, view }: Props) => {
  const { calls, column } = page.t
  const { lang } = page
  if (view.workers.length === 0 && view.silent.length === 0) return <div id="calls-workers" hidden></div>
  return (
    <Card id="calls-workers" title={calls.byWorker}>
      {view.silent.length > 0 && (
        <ul class="silent" aria-label={calls.silent}>
          {view.silent.map(({ nodeName, problem }) => (
            <li>
              <b>{nodeName}</b> <span class="bad">{troubleText(page, problem)}</span>
            </li>
          ))}
        </ul>
      )}
      {view.workers.length > 0 && (
        <div class="table-wrap" tabindex={0} role="group" aria-label={calls.byWorker}>
          <table class="table table-fixed table-methods" aria-label={calls.byWorker}>
            <colgroup>
              <col />
              <col class="width-worker" />
              <col class="width-time" />
              <col class="width-time" />
              <col class="width-time" />
              <col class="width-time" />
              <col class="width-time" />
            </colgroup>
            <thead>
              <tr>
                <th scope="col">{column.node}</th>
                <th scope="col">{column.slot}</th>
                <th scope="col" class="number">
                  {calls.connectionsColumn}
                </th>
                <th scope="col" class="number">
                  {calls.inFlight}
                </th>
                <th scope="col" class="number">
                  {calls.memoryColumn}
                </th>
                <th scope="col" class="number">
                  {calls.lagColumn}
                </th>
                <th scope="col" class="number">
                  {calls.answered}
                </th>
              </tr>
            </thead>
            <tbody>
              {view.workers.map((worker) => (
                <tr>
                  <td class="cut">
                    {worker.nodeName} <span class="mono quiet">{worker.name}</span>
                  </td>
                  <td class="nowrap">
                    {worker.kind === "tasks" && `${calls.taskKind} `}
                    {worker.slot} <span class="quiet">{calls.pid(worker.pid)}</span>
                  </td>
                  <td class="number">{formatNumber(lang, worker.connections)}</td>
                  <td class="number">{formatNumber(lang, worker.inFlight)}</td>
                  <td class="number">{formatBytes(lang, worker.rssBytes)}</td>
                  <td class={worker.loopLagMs >= lagHigh ? "number warn" : "number quiet"}>
                    {formatMicros(lang, worker.loopLagMs * 1_000)}
                  </td>
                  <td class="number quiet">{formatNumber(lang, worker.requests)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  )
}
