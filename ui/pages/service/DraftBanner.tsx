import { Icon } from "../../parts/Icon.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../ViewModels.ts"

/** `#draft`: there while a list is edited but not released. */
export const DraftBanner = ({ page, service }: { page: PageContext; service: ServiceDetail }) => {
  if (service.draft === null) return <div id="draft" hidden></div>
  const { draft } = page.t
  return (
    <section id="draft" class="card banner" aria-label={draft.title}>
      <Icon name="draft" />
      <div class="banner-text">
        <b>{draft.title}</b>
        <p class="quiet">{draft.help(service.draft.length)}</p>
      </div>
      <button
        type="button"
        class="button"
        hx-delete={paths.draft(service.id)}
        hx-confirm={draft.discardTitle}
        data-confirm-help={draft.discardHelp}
        data-confirm-yes={draft.discard}
        data-confirm-danger=""
      >
        {draft.discard}
      </button>
      <button type="button" class="button button-primary" hx-post={paths.draft(service.id)}>
        {draft.release}
      </button>
    </section>
  )
}
