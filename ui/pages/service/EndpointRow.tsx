import { endpointKey } from "../../../src/domain/Endpoint.ts"
import { Icon } from "../../parts/Icon.tsx"
import { Status, type Tone } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { told } from "../../parts/Trouble.ts"
import { paths } from "../../Paths.ts"
import type { EndpointView, PageContext, ServiceDetail } from "../../ViewModels.ts"
import { endpointElementId } from "./EndpointKey.ts"

type Props = { page: PageContext; endpoint: EndpointView }

/** `#endpoint-<key>` */
export const EndpointRow = ({ page, service, endpoint }: Props & { service: ServiceDetail }) => (
  <tr id={endpointElementId(endpoint)}>
    <td class="cut">
      <b class="mono">{endpointKey(endpoint)}</b>{" "}
      <span class="quiet">{endpoint.nodeName ?? page.t.endpoints.unmanaged}</span>
    </td>
    <td>
      <Status tone={endpoint.desired.status === "online" ? "ok" : "off"}>
        {page.t.endpointStatus[endpoint.desired.status]}
      </Status>
    </td>
    <td>
      <Observed page={page} endpoint={endpoint} />
    </td>
    <td>
      <Effective page={page} endpoint={endpoint} />
    </td>
    <td class="number">{endpoint.desired.weight}</td>
    <td class="nowrap">
      <Workers page={page} endpoint={endpoint} />
    </td>
    <td class="actions">{!service.kernel && <Switch page={page} service={service} endpoint={endpoint} />}</td>
  </tr>
)

const observedTones: Readonly<Record<EndpointView["observed"]["state"], Tone>> = {
  up: "ok",
  starting: "info",
  down: "bad",
  unknown: "off",
}

const Observed = ({ page, endpoint }: Props) => {
  const { state, since } = endpoint.observed
  const reason = told(page, { text: endpoint.observed.reason, problem: endpoint.observed.problem })
  return (
    <>
      <Status tone={observedTones[state]}>{page.t.observed[state]}</Status>{" "}
      {since !== undefined && (
        <span class="quiet nowrap">
          <Time page={page} at={since} />
        </span>
      )}
      {reason !== null && (
        <p class={state === "down" ? "reason bad" : "reason quiet"} title={reason}>
          {reason}
        </p>
      )}
    </>
  )
}

const Effective = ({ page, endpoint }: Props) => {
  const { status, weight } = endpoint.effective
  const called = status === "online" && weight > 0
  return called ? <span>{page.t.endpoints.calls}</span> : <Status tone="off">{page.t.endpoints.noCalls}</Status>
}

const Workers = ({ page, endpoint }: Props) => {
  if (endpoint.workers === null) return <span class="quiet">{page.t.endpoints.noProcess}</span>
  const { ready, want } = endpoint.workers
  return <span class={ready < want ? "bad" : ""}>{page.t.endpoints.workers(ready, want)}</span>
}

/** Changes at once and is pushed at once; the answer's toast undoes it. The guard may ask back. */
const Switch = ({ page, service, endpoint }: Props & { service: ServiceDetail }) => {
  const address = endpointKey(endpoint)
  const online = endpoint.desired.status === "online"
  const { endpoints } = page.t
  const status = online ? "offline" : "online"
  return (
    <button
      type="button"
      class="button button-small button-row"
      aria-label={online ? endpoints.offlineOf(address) : endpoints.onlineOf(address)}
      hx-put={paths.endpointStatus(service.id)}
      hx-vals={JSON.stringify({ ip: endpoint.ip, port: String(endpoint.port), status })}
    >
      <Icon name="power" />
      {online ? endpoints.offline : endpoints.online}
    </button>
  )
}
