import { countOf } from "../../../../src/domain/ProcessSpec.ts"
import { Dialog, DialogBody, DialogFoot } from "../../../parts/Dialog.tsx"
import { TextField } from "../../../parts/Field.tsx"
import { paths } from "../../../Paths.ts"
import type { PageContext, ProcessView, ServiceDetail } from "../../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail; process: ProcessView }
type FormProps = Props & { count: string; isWrong: boolean }

/** Asks how many processes there are to be at each place. */
export const ScaleDialog = ({ page, service, process }: Props) => (
  <Dialog page={page} id="scale" title={page.t.deed.scaleTitle(service.name)}>
    <ScaleForm page={page} service={service} process={process} count={String(countOf(process.spec))} isWrong={false} />
  </Dialog>
)

export const leastOf = (process: ProcessView) => (process.spec.kind === "module" ? 0 : 1)

/** `#scale-form`; answers 422 with itself, or closes the dialog with a toast. */
export const ScaleForm = ({ page, service, process, count, isWrong }: FormProps) => {
  const { deed } = page.t
  const isModule = process.spec.kind === "module"
  return (
    <form
      id="scale-form"
      hx-post={paths.deed(service.id, "scale")}
      hx-target="this"
      hx-swap="outerHTML"
      data-close-on-success=""
      novalidate
    >
      <DialogBody>
        <p class="quiet">{deed.scaleHelp}</p>
        <TextField
          id="count"
          label={isModule ? deed.scaleModule : deed.scaleCommand}
          value={count}
          help={isModule ? deed.scaleModuleHelp : deed.scaleCommandHelp}
          error={isWrong ? deed.scaleRange(leastOf(process)) : undefined}
          short
          with={{ inputmode: "numeric", autofocus: true }}
        />
      </DialogBody>
      <DialogFoot page={page} focus={false}>
        <button class="button button-primary">{deed.scale}</button>
      </DialogFoot>
    </form>
  )
}
