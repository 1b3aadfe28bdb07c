import { endpointKey } from "../../../src/domain/Endpoint.ts"
import { Icon } from "../../parts/Icon.tsx"
import { Status, type Tone } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { noticeText, told } from "../../parts/Trouble.ts"
import { paths } from "../../Paths.ts"
import type { NodeView, PageContext } from "../../ViewModels.ts"

type Props = { page: PageContext; node: NodeView }

/** `#node-<id>` */
export const NodeRow = ({ page, node }: Props) => (
  <tr id={`node-${node.id}`}>
    <td class="cut">
      <b>{node.name}</b> <span class="mono quiet">{endpointKey(node)}</span>
    </td>
    <td>
      <Connection page={page} node={node} />
    </td>
    <td class="nowrap">
      {node.version === null ? <span class="quiet">–</span> : <code>{node.version}</code>}{" "}
      {node.cpus !== null && <span class="quiet">{page.t.nodes.cpus(node.cpus)}</span>}
    </td>
    <td class="number">{node.services}</td>
    <td class="nowrap quiet">
      {node.lastSeenAt === null ? page.t.nodes.notSeen : <Time page={page} at={node.lastSeenAt} />}
    </td>
    <td class="nowrap quiet">
      <Time page={page} at={node.joinedAt} />
    </td>
    <td class="actions">
      {node.connection === "revoked" ? <Forget page={page} node={node} /> : <Revoke page={page} node={node} />}
    </td>
  </tr>
)

const tones: Readonly<Record<NodeView["connection"], Tone>> = {
  connected: "ok",
  away: "bad",
  never: "warn",
  revoked: "off",
}

const Connection = ({ page, node }: Props) => (
  <>
    <Status tone={tones[node.connection]}>{page.t.connection[node.connection]}</Status>{" "}
    <span class="quiet nowrap">
      <Time page={page} at={node.since} />
    </span>
    {node.error !== null && node.connection !== "connected" && (
      <Reason text={told(page, { text: node.error, problem: node.problem }) ?? ""} />
    )}
    {node.nextTryAt !== null && node.connection !== "connected" && (
      <p class="quiet small">
        {page.t.nodes.nextTry} <Time page={page} at={node.nextTryAt} />
      </p>
    )}
    <Notices page={page} node={node} />
  </>
)

/** What the node itself says a person should see. */
const Notices = ({ page, node: { notices } }: Props) =>
  notices.length === 0 ? null : (
    <ul class="node-notices" aria-label={page.t.notices.title(notices.length)}>
      {notices.map(({ message, since, subject }) => (
        <li class="warn">
          <Icon name="alert" />
          <span>
            {subject !== "" && <b>{page.t.notices.of(subject)}</b>}
            {noticeText(page, message)}{" "}
            <span class="quiet">
              <Time page={page} at={since} />
            </span>
          </span>
        </li>
      ))}
    </ul>
  )

const Reason = ({ text }: { text: string }) => (
  <p class="reason bad" title={text}>
    {text}
  </p>
)

/** Hosts may have the same name. */
const fullName = (node: NodeView) => `${node.name} (${node.ip})`

const Revoke = ({ page, node }: Props) => {
  const { nodes } = page.t
  const name = fullName(node)
  return (
    <button
      type="button"
      class="button button-small button-row"
      aria-label={nodes.revokeOf(name)}
      hx-delete={paths.node(node.id)}
      hx-confirm={nodes.revokeTitle(name)}
      data-confirm-help={nodes.revokeHelp}
      data-confirm-yes={nodes.revoke}
      data-confirm-danger=""
      data-confirm-type={node.name}
      data-confirm-label={page.t.service.typeName(node.name)}
    >
      {nodes.revoke}
    </button>
  )
}

const Forget = ({ page, node }: Props) => {
  const { nodes } = page.t
  const name = fullName(node)
  return (
    <button
      type="button"
      class="button button-small button-row"
      aria-label={nodes.forgetOf(name)}
      hx-delete={paths.forgetNode(node.id)}
      hx-confirm={nodes.forgetTitle(name)}
      data-confirm-help={nodes.forgetHelp}
      data-confirm-yes={nodes.forget}
    >
      {nodes.forget}
    </button>
  )
}
