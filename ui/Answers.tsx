import type { PropsWithChildren } from "hono/jsx"
import { endpointKey, type EndpointStatus } from "../src/domain/Endpoint.ts"
import { clientName } from "./pages/service/ClientRow.tsx"
import { Partial } from "./parts/Partial.tsx"
import { Toast, UndoButton } from "./parts/Toast.tsx"
import { paths } from "./Paths.ts"
import type { ClientView, PageContext } from "./ViewModels.ts"

/** Answers to actions that can be taken back: what changed, and the button that undoes it. */

type Switched = {
  page: PageContext
  serviceId: string
  endpoint: { readonly ip: string; readonly port: number }
  status: EndpointStatus
  revision: number
}

/** An endpoint was put online or taken offline; its row follows by the stream. */
export const EndpointSwitched = ({ page, serviceId, endpoint, status, revision }: Switched) => {
  const { endpoints } = page.t
  const address = endpointKey(endpoint)
  const back = status === "online" ? "offline" : "online"
  return (
    <Toast
      page={page}
      tone="ok"
      text={status === "online" ? endpoints.nowOnline(address, revision) : endpoints.nowOffline(address, revision)}
    >
      <button
        type="button"
        class="button button-small"
        data-dismiss=""
        hx-put={paths.endpointStatus(serviceId)}
        hx-vals={JSON.stringify({ ip: endpoint.ip, port: String(endpoint.port), status: back })}
      >
        {page.t.action.undo}
      </button>
    </Toast>
  )
}

type OfClient = { page: PageContext; serviceId: string; client: ClientView }

/** A client was removed: its row goes at once. */
export const ClientRemoved = ({ page, serviceId, client }: OfClient) => (
  <>
    <Partial target={`#client-${client.id}`} swap="delete"></Partial>
    <Toast page={page} tone="info" text={page.t.clients.removed(clientName(client))}>
      <UndoButton page={page} path={paths.restoreClient(serviceId, client.id)} />
    </Toast>
  </>
)

/** It is back; the list is asked for again when the stream tells of its new member. */
export const ClientRestored = ({ page, client }: Omit<OfClient, "serviceId">) => (
  <Toast page={page} tone="ok" text={page.t.clients.restored(clientName(client))} />
)

/** A dialog as part of an answer that asks back, such as the guard's 409. */
export const DialogAnswer = ({ children }: PropsWithChildren) => (
  <Partial target="#dialogs" swap="innerHTML">
    {children}
  </Partial>
)
