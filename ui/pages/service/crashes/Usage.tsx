import type { InspectedInstance, InspectionView, Leaver } from "../../../../src/domain/Inspection.ts"
import { Card } from "../../../parts/Card.tsx"
import { formatBytes, formatNumber } from "../../../parts/Format.ts"
import { troubleText } from "../../../parts/Trouble.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { formatLong, placeText } from "./Places.tsx"

type Props = { page: PageContext; service: ServiceDetail; view: InspectionView }

/** Processes of a tree that are told one by one. */
const processesTold = 12
const callsTold = 5

/** `#usage`: what each instance uses now, what those that end still wait for, and whose a port is. */
export const Usage = ({ page, service, view }: Props) => {
  const { crashes } = page.t
  const leaving = view.instances.flatMap((instance) => instance.leaving.map((leaver) => ({ instance, leaver })))
  const running = view.instances.filter(({ usage }) => usage !== null)
  const nothing = running.length + leaving.length + view.portHolders.length + view.silent.length === 0
  if (service.process === null || nothing) return <div id="usage" hidden></div>
  return (
    <Card id="usage" title={crashes.usage}>
      {view.silent.length > 0 && (
        <ul class="silent" aria-label={page.t.calls.silent}>
          {view.silent.map(({ nodeName, problem }) => (
            <li>
              <b>{nodeName}</b> <span class="bad">{troubleText(page, problem)}</span>
            </li>
          ))}
        </ul>
      )}
      {view.portHolders.length > 0 && (
        <ul class="silent">
          {view.portHolders.map(({ holder, name, nodeName }) => (
            <li>
              <b>{nodeName}</b> <span class="mono quiet">{name}</span>{" "}
              <span class="bad">{crashes.portHeld(holder)}</span>
            </li>
          ))}
        </ul>
      )}
      {leaving.length > 0 && (
        <ul class="silent stopping" aria-label={crashes.stopping}>
          {leaving.map(({ instance, leaver }) => (
            <Stopping page={page} instance={instance} leaver={leaver} />
          ))}
        </ul>
      )}
      {running.length > 0 && <Table page={page} instances={running} />}
    </Card>
  )
}

type InstanceProps = { page: PageContext; instance: InspectedInstance }

/** Why it is still stopping: since when, until when, for which calls, and what of it is there. */
const Stopping = ({ page, instance, leaver }: InstanceProps & { leaver: Leaver }) => {
  const { crashes } = page.t
  const { elapsedMs, killInMs, openCallCount, openCalls, pid, processes } = leaver
  return (
    <li>
      <p>
        <b>{instance.nodeName}</b> <span class="mono quiet">{instance.name}</span> {placeText(page.t, instance)}:{" "}
        <span class="warn">{crashes.stopping}</span>, {crashes.stoppingFor(pid, formatLong(page, elapsedMs))},{" "}
        {crashes.killIn(formatLong(page, killInMs))}
        {openCallCount > 0 && `, ${crashes.waitsFor(openCallCount)}`}
      </p>
      <ul class="plain-list small">
        {openCalls.slice(0, callsTold).map(({ ageMs, method, remote }) => (
          <li>
            <span class="mono">{method}</span> {crashes.callFor(formatLong(page, ageMs))}{" "}
            <span class="quiet">{crashes.callFrom(remote)}</span>
          </li>
        ))}
        {openCallCount > callsTold && (
          <li>{crashes.moreCalls(openCallCount - Math.min(callsTold, openCalls.length))}</li>
        )}
        {processes.slice(0, processesTold).map((one) => (
          <li>
            <span class="quiet">{crashes.processLine(one.pid, one.state)}</span> <span class="mono">{one.command}</span>
          </li>
        ))}
      </ul>
    </li>
  )
}

const Table = ({ page, instances }: { page: PageContext; instances: ReadonlyArray<InspectedInstance> }) => {
  const { column, crashes } = page.t
  return (
    <div class="table-wrap" tabindex={0} role="group" aria-label={crashes.usage}>
      <table class="table table-fixed table-crashes" aria-label={crashes.usage}>
        <colgroup>
          <col />
          <col class="width-worker" />
          <col class="width-total" />
          <col class="width-total" />
          <col class="width-total" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{column.node}</th>
            <th scope="col">{crashes.instance}</th>
            <th scope="col" class="number">
              {crashes.memory}
            </th>
            <th scope="col" class="number">
              {crashes.cpu}
            </th>
            <th scope="col" class="number">
              {crashes.processes}
            </th>
          </tr>
        </thead>
        <tbody>
          {instances.map((instance) => (
            <Row page={page} instance={instance} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const Row = ({ page, instance }: InstanceProps) => {
  const { name, nodeName, pid, usage } = instance
  if (usage === null) return null
  return (
    <tr>
      <td class="cut">
        <b>{nodeName}</b> <span class="mono quiet">{name}</span>
      </td>
      <td class="nowrap">
        {placeText(page.t, instance)} {pid !== null && <span class="quiet">{page.t.process.pid(pid)}</span>}
      </td>
      <td class="number">{formatBytes(page.lang, usage.rssBytes)}</td>
      <td class="number">{page.t.crashes.percent(formatNumber(page.lang, usage.cpuPercent))}</td>
      <td class="number quiet">{formatNumber(page.lang, usage.processes)}</td>
    </tr>
  )
}
