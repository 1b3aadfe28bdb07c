import { clientState } from "../../Lists.ts"
import { formatNumber } from "../../parts/Format.ts"
import { Icon } from "../../parts/Icon.tsx"
import { IconButton } from "../../parts/IconButton.tsx"
import { Status } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { told } from "../../parts/Trouble.ts"
import { paths } from "../../Paths.ts"
import type { ClientView, PageContext, ServiceDetail } from "../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail; client: ClientView }

/** Hosts may have the same name. */
export const clientName = ({ nodeName, ip }: ClientView) => (nodeName === null ? ip : `${nodeName} (${ip})`)

/** `#client-<id>` */
export const ClientRow = ({ page, service, client }: Props) => (
  <tr id={`client-${client.id}`} class={client.job === "sending" ? "row-active" : undefined}>
    <td class="check-cell">
      <input
        type="checkbox"
        class="checkbox"
        name="ids"
        value={client.id}
        form="bulk"
        aria-label={page.t.action.select(clientName(client))}
      />
    </td>
    <td class="cut">
      {client.nodeName !== null && <b>{client.nodeName}</b>}{" "}
      <span class={client.nodeName === null ? "mono" : "mono quiet"}>{client.ip}</span>
    </td>
    <td class="nowrap">
      <Revision page={page} service={service} client={client} />
    </td>
    <td class="nowrap quiet">{client.ackedAt === null ? "–" : <Time page={page} at={client.ackedAt} />}</td>
    <td>
      <Result page={page} service={service} client={client} />
    </td>
    <td class="actions">
      <RowActions page={page} service={service} client={client} />
    </td>
  </tr>
)

const Revision = ({ page, service, client }: Props) => {
  const { clients, push } = page.t
  if (client.revision === null) return <Status tone="off">{clients.never}</Status>
  const behind = (service.revision ?? client.revision) - client.revision
  const revision = <code>{push.revision(client.revision)}</code>
  if (behind <= 0) return <Status tone="ok">{revision}</Status>
  return (
    <Status tone="warn">
      {revision} <span class="warn">{clients.behindBy(behind)}</span>
    </Status>
  )
}

/** The running push first, then what went wrong, then where it stands. */
const Result = ({ page, service, client }: Props) => {
  const { clients, push, connection } = page.t
  switch (client.job) {
    case "queued":
      return <Quiet icon="clock" text={push.state.queued} />
    case "sending":
      return (
        <span class="info">
          <span class="spinner" aria-hidden="true"></span> {push.state.sending}
        </span>
      )
    case "cancelled":
      return <Quiet icon="x" text={push.state.cancelled} />
    default:
  }
  if (clientState(client, service.revision) === "failed") return <Failure page={page} client={client} />
  if (client.connection === "not-joined") return <span class="quiet">{clients.notJoined}</span>
  if (client.connection !== "connected") {
    const tone = client.connection === "away" ? "bad" : "off"
    return <Status tone={tone}>{connection[client.connection]}</Status>
  }
  if (client.revision === null) return <span class="quiet">{clients.waiting}</span>
  return (
    <span class="nowrap">
      <Icon name="check" tone="ok" /> {clients.applied}{" "}
      {client.tookMs !== null && (
        <span class="quiet">{clients.milliseconds(formatNumber(page.lang, Math.round(client.tookMs)))}</span>
      )}
    </span>
  )
}

const Quiet = ({ icon, text }: { icon: "clock" | "x"; text: string }) => (
  <span class="quiet nowrap">
    <Icon name={icon} /> {text}
  </span>
)

const Failure = ({ page, client }: { page: PageContext; client: ClientView }) => (
  <>
    <FailureText text={told(page, { text: client.error?.message, problem: client.error?.problem }) ?? ""} />
    {client.nextTryAt !== null && (
      <p class="quiet small">
        {page.t.clients.nextTry} <Time page={page} at={client.nextTryAt} />
      </p>
    )}
  </>
)

const FailureText = ({ text }: { text: string }) => (
  <p class="reason bad" title={text}>
    <Icon name="bad" /> {text}
  </p>
)

const RowActions = ({ page, service, client }: Props) => {
  const { clients } = page.t
  const name = clientName(client)
  return (
    <>
      <button
        type="button"
        class="button button-small button-row"
        hx-post={paths.push(service.id)}
        hx-vals={JSON.stringify({ ids: client.id })}
        disabled={client.job === "queued" || client.job === "sending" || service.revision === null}
        aria-label={clients.pushTo(name)}
      >
        <Icon name="push" />
        {clients.push}
      </button>
      <IconButton
        icon="trash"
        label={clients.removeOf(name)}
        with={{
          "hx-delete": paths.client(service.id, client.id),
          "hx-confirm": clients.removeTitle(name),
          "data-confirm-help": clients.removeHelp,
          "data-confirm-yes": page.t.action.remove,
          "data-confirm-danger": "",
        }}
      />
    </>
  )
}
