import { Icon } from "../../../parts/Icon.tsx"
import { paths } from "../../../Paths.ts"
import type { InstanceView, PageContext, ProcessView, ServiceDetail } from "../../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail; process: ProcessView }

type DeedProps = {
  page: PageContext
  serviceId: string
  deed: "start" | "stop" | "restart"
  /** What it is done to, for its label and its question. */
  name: string
  node?: string
}

const icons = { start: "power", stop: "power", restart: "refresh" } as const

/** Starting hurts nobody; what ends processes asks back. */
const Deed = ({ page, serviceId, deed, name, node }: DeedProps) => {
  const text = page.t.deed
  const confirm =
    deed === "start"
      ? {}
      : {
          "hx-confirm": text.title[deed](name),
          "data-confirm-help": text.help[deed],
          "data-confirm-yes": text[deed],
          ...(deed === "stop" ? { "data-confirm-danger": "" } : {}),
        }
  return (
    <button
      type="button"
      class="button button-small"
      hx-post={paths.deed(serviceId, deed)}
      hx-vals={node === undefined ? undefined : JSON.stringify({ node })}
      aria-label={text.of[deed](name)}
      {...confirm}
    >
      <Icon name={icons[deed]} />
      {text[deed]}
    </button>
  )
}

const Reload = ({ page, serviceId, name, node }: Omit<DeedProps, "deed">) => {
  const { process } = page.t
  return (
    <button
      type="button"
      class="button button-small"
      hx-post={paths.reload(serviceId)}
      hx-vals={node === undefined ? undefined : JSON.stringify({ node })}
      hx-confirm={process.reloadTitle(name)}
      data-confirm-help={process.reloadHelp}
      data-confirm-yes={process.reload}
      aria-label={process.reloadOf(name)}
    >
      <Icon name="restart" />
      {process.reload}
    </button>
  )
}

/** Of the whole service. */
export const ServiceDeeds = ({ page, service, process }: Props) => {
  const { id } = service
  const name = page.t.deed.everywhere(service.name)
  const wanted = process.instances.map(({ delivery }) => delivery.wanted?.desired ?? process.spec.desired)
  const isAnyStopped = process.spec.desired === "stopped" || wanted.includes("stopped")
  const isAnyRunning = wanted.length === 0 ? process.spec.desired === "running" : wanted.includes("running")
  return (
    <span class="instance-deeds">
      {isAnyRunning && process.instances.length > 0 && <Reload page={page} serviceId={id} name={name} />}
      {isAnyRunning && process.instances.length > 0 && <Deed page={page} serviceId={id} deed="restart" name={name} />}
      <button
        type="button"
        class="button button-small"
        hx-get={paths.scaleDialog(id)}
        hx-target="#dialogs"
        hx-swap="innerHTML"
      >
        <Icon name="plus" />
        {page.t.deed.scale}
      </button>
      {isAnyStopped && <Deed page={page} serviceId={id} deed="start" name={name} />}
      {isAnyRunning && <Deed page={page} serviceId={id} deed="stop" name={name} />}
    </span>
  )
}

type PlaceProps = Props & { instance: InstanceView; name: string }

/** Of the service on one node. */
export const PlaceDeeds = ({ page, service, process, instance, name }: PlaceProps) => {
  const { delivery, nodeId, status } = instance
  if (delivery.wanted === null)
    return <PushHere page={page} service={service} process={process} instance={instance} name={name} />
  const isStopped = delivery.wanted.desired === "stopped"
  const hasGivenUp = status?.state === "FATAL" || status?.state === "EXITED" || status?.state === "BACKOFF"
  const at = { page, serviceId: service.id, name, node: nodeId }
  return (
    <>
      <PushHere page={page} service={service} process={process} instance={instance} name={name} />
      {!isStopped && <Reload {...at} />}
      {!isStopped && <Deed {...at} deed="restart" />}
      {(isStopped || hasGivenUp) && <Deed {...at} deed="start" />}
      {!isStopped && <Deed {...at} deed="stop" />}
    </>
  )
}

/** A revision that was held back goes to one node first; or that node goes back to what the others have. */
const PushHere = ({ page, service, process, instance, name }: PlaceProps) => {
  const { rollout } = page.t
  const { pushed, revision } = process
  const has = instance.delivery.wanted?.revision ?? null
  const to = has === revision ? (pushed === revision ? null : pushed) : revision
  if (to === null) return null
  const isBack = to !== revision
  return (
    <button
      type="button"
      class="button button-small"
      hx-post={paths.deed(service.id, "push")}
      hx-vals={JSON.stringify({ node: instance.nodeId, revision: String(to) })}
      hx-confirm={isBack ? rollout.takeBackOf(to, name) : rollout.pushHereTitle(to, name)}
      data-confirm-help={rollout.pushHelp}
      data-confirm-yes={isBack ? rollout.takeBack(to) : rollout.pushHere(to)}
      aria-label={isBack ? rollout.takeBackOf(to, name) : rollout.pushHereOf(to, name)}
    >
      <Icon name="push" />
      {isBack ? rollout.takeBack(to) : rollout.pushHere(to)}
    </button>
  )
}
