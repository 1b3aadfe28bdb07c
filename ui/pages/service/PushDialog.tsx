import { endpointKey } from "../../../src/domain/Endpoint.ts"
import { Dialog, DialogBody, DialogFoot } from "../../parts/Dialog.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { paths } from "../../Paths.ts"
import type { EndpointChange, PageContext, PushGroup, PushPreview } from "../../ViewModels.ts"

/** Before a push: what changes for whom. Only what changes is listed. */
export const PushDialog = ({ page, preview }: { page: PageContext; preview: PushPreview }) => {
  const { push } = page.t
  return (
    <Dialog page={page} id="push-dialog" title={push.previewTitle}>
      <form hx-post={paths.push(preview.serviceId)} data-close-on-success="">
        {preview.clientIds.map((id) => (
          <input type="hidden" name="ids" value={id} />
        ))}
        <DialogBody>
          <p>
            {preview.groups.length === 0
              ? push.previewNothing(preview.revision, preview.total)
              : push.previewIntro(preview.revision, preview.total)}
          </p>
          {preview.groups.map((group) => (
            <Group page={page} group={group} to={preview.revision} />
          ))}
          {preview.current > 0 && <p class="quiet">{push.already(preview.current)}</p>}
        </DialogBody>
        <DialogFoot page={page} focus={false}>
          <button class="button button-primary" autofocus>
            <Icon name="push" />
            {push.go(preview.total)}
          </button>
        </DialogFoot>
      </form>
    </Dialog>
  )
}

const Group = ({ page, group, to }: { page: PageContext; group: PushGroup; to: number }) => {
  const { push } = page.t
  return (
    <section class="diff">
      <p class="diff-head">
        <b>{group.revision === null ? push.groupNew(group.clients) : push.groupAt(group.clients, group.revision)}</b>{" "}
        <span class="quiet">
          {group.revision !== null && (
            <>
              <code>{push.revision(group.revision)}</code> →{" "}
            </>
          )}
          <code>{push.revision(to)}</code>
        </span>
      </p>
      <Changes page={page} group={group} />
    </section>
  )
}

const changesShownMax = 20

const Changes = ({ page, group }: { page: PageContext; group: PushGroup }) => {
  const { push, form } = page.t
  if (group.changes === null) return <p class="diff-note quiet">{push.notKept}</p>
  if (group.changes.length === 0) {
    return <p class="diff-note quiet">{group.revision === null ? push.emptyList : push.sameList}</p>
  }
  const shown = group.changes.slice(0, changesShownMax)
  const more = group.changes.length - shown.length
  return (
    <ul class="diff-list">
      {shown.map((change) => (
        <Change page={page} change={change} />
      ))}
      {more > 0 && <li class="quiet">{form.jsonMore(more)}</li>}
    </ul>
  )
}

const signs = { added: "+", removed: "−", changed: "~" } as const

const Change = ({ page, change }: { page: PageContext; change: EndpointChange }) => (
  <li class={`diff-${change.kind}`}>
    <i aria-hidden="true">{signs[change.kind]}</i>
    <code>{endpointKey(change)}</code>
    <span class="quiet">{changeText(page, change)}</span>
  </li>
)

const changeText = (page: PageContext, { before, after }: EndpointChange) => {
  const { push, endpointStatus } = page.t
  if (after === null) return push.change.removed
  if (before === null) return push.change.added(after.weight, endpointStatus[after.status])
  return [
    ...(before.status === after.status
      ? []
      : [push.change.status(endpointStatus[before.status], endpointStatus[after.status])]),
    ...(before.weight === after.weight ? [] : [push.change.weight(before.weight, after.weight)]),
  ].join(", ")
}
