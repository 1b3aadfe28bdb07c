import type { CrashLine, InspectionView } from "../../../../src/domain/Inspection.ts"
import { processProblem } from "../../../../src/domain/Problem.ts"
import { Card } from "../../../parts/Card.tsx"
import { Empty } from "../../../parts/Empty.tsx"
import { Time } from "../../../parts/Time.tsx"
import { troubleText } from "../../../parts/Trouble.ts"
import { paths } from "../../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { formatLong, placeText } from "./Places.tsx"

type Props = { page: PageContext; service: ServiceDetail; view: InspectionView }

/** `#crashes`: how the service's processes have ended unexpectedly, the newest first. */
export const Crashes = ({ page, service, view }: Props) => {
  const { crashes } = page.t
  if (service.process === null || !view.known) return <div id="crashes" hidden></div>
  return (
    <Card id="crashes" title={crashes.title}>
      {view.crashes.length === 0 ? (
        <Empty icon="check" title={crashes.none} help={crashes.noneHelp} />
      ) : (
        <Table page={page} serviceId={service.id} lines={view.crashes} />
      )}
    </Card>
  )
}

type TableProps = { page: PageContext; serviceId: string; lines: ReadonlyArray<CrashLine> }

const Table = ({ page, serviceId, lines }: TableProps) => {
  const { column, crashes } = page.t
  return (
    <div class="table-wrap" tabindex={0} role="group" aria-label={crashes.title}>
      <table class="table table-fixed table-crashes" aria-label={crashes.title}>
        <colgroup>
          <col class="width-time" />
          <col class="width-fact" />
          <col class="width-small" />
          <col class="width-time" />
          <col />
          <col class="width-small" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{crashes.when}</th>
            <th scope="col">{column.node}</th>
            <th scope="col">{crashes.instance}</th>
            <th scope="col" class="number">
              {crashes.ran}
            </th>
            <th scope="col">{column.reason}</th>
            <th scope="col">{crashes.report}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <Row page={page} serviceId={serviceId} line={line} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const Row = ({ page, serviceId, line }: { page: PageContext; serviceId: string; line: CrashLine }) => {
  const { crashes } = page.t
  const place = placeText(page.t, line)
  return (
    <tr>
      <td class="nowrap">
        <Time page={page} at={line.at} />
      </td>
      <td class="cut">
        <b>{line.nodeName}</b> <span class="mono quiet">{line.name}</span>
      </td>
      <td class="nowrap">{place}</td>
      <td class="number quiet">{formatLong(page, line.ranMs)}</td>
      <td class="bad break">
        {line.outOfMemory && <b>{crashes.outOfMemory}: </b>}
        {troubleText(page, processProblem(line.reason))}
      </td>
      <td>
        <a href={paths.crash(serviceId, line.id)} aria-label={crashes.reportOf(`${line.nodeName} ${place}`)}>
          {crashes.report}
        </a>
      </td>
    </tr>
  )
}
