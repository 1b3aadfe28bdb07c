import { paths } from "../../../../Paths.ts"

/** Posts the whole form, and swaps the answer for it: what changes shape is the server's to decide. */
export const editorButton = (serviceId: string, change: Readonly<Record<string, string>>) => ({
  "hx-post": paths.processEditor(serviceId, change),
  "hx-target": "#process-form",
  "hx-swap": "outerMorph",
})

export const foldId = (name: string) => `fold-${name}`

/** The same when another value is chosen, for one group of fields alone: the others stay as open as they are. */
export const editorSelect = (serviceId: string, fold: string) => ({
  "hx-post": paths.processEditor(serviceId, { open: fold }),
  "hx-trigger": "change",
  "hx-include": "closest form",
  "hx-target": `#${foldId(fold)}`,
  "hx-select": `#${foldId(fold)}`,
  "hx-swap": "outerHTML",
})
