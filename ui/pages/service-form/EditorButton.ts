import { paths } from "../../Paths.ts"

/** Posts the whole form, and swaps the answer for the editor: the conversion is the server's. */
export const editorButton = (change: Readonly<Record<string, string>>) => ({
  "hx-post": paths.endpointEditor(change),
  "hx-target": "#endpoint-editor",
  "hx-swap": "outerMorph",
})
