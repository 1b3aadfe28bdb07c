import type { CronPreviewModel } from "../../CronModels.ts"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"

type Props = { page: PageContext; preview: CronPreviewModel }

/** `#cron-preview`: the next runs of what is typed, in the task's zone and in the reader's; asked for again as one types. */
export const CronPreview = ({ page, preview }: Props) => {
  const { form } = page.t.cron
  return (
    <section
      id="cron-preview"
      class="preview"
      aria-label={form.preview}
      hx-post={paths.cronPreview}
      hx-include="closest form"
      hx-trigger="input delay:250ms from:#cron-when"
      hx-sync="replace"
      hx-target="this"
      hx-swap="outerMorph"
    >
      <h2>{form.preview}</h2>
      <Times page={page} preview={preview} />
    </section>
  )
}

const formats = new Map<string, Intl.DateTimeFormat>()

const inZone = (lang: string, zone: string) => {
  const key = `${lang} ${zone}`
  const known = formats.get(key)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat(lang, { weekday: "short", ...parts, timeZone: zone })
  formats.set(key, made)
  return made
}

const parts = {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
} as const

const Times = ({ page, preview }: Props) => {
  const { form } = page.t.cron
  if (preview.times === null) return <p class="quiet">{form.previewWait}</p>
  if (preview.times.length === 0) return <p class="warn">{form.previewNone}</p>
  const { times, zone } = preview
  return (
    <>
      <table class="preview-times">
        <thead>
          <tr>
            {zone !== null && <th scope="col">{form.previewZone(zone)}</th>}
            <th scope="col">
              {form.previewOwn} <span class="quiet" data-zone-name=""></span>
            </th>
          </tr>
        </thead>
        <tbody>
          {times.map((at) => (
            <tr>
              {zone !== null && <td>{inZone(page.lang, zone).format(at)}</td>}
              <td>
                <time datetime={new Date(at).toISOString()} data-local="day">
                  {`${inZone(page.lang, "UTC").format(at)} UTC`}
                </time>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {zone === null && <p class="quiet small">{form.previewFrom}</p>}
    </>
  )
}
