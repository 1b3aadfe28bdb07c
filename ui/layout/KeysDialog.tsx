import { Dialog, DialogBody } from "../parts/Dialog.tsx"
import type { PageContext } from "../ViewModels.ts"

/** The keyboard shortcuts; assets/keyboard.js obeys them. Nothing destructive is on a key. */
export const KeysDialog = ({ page }: { page: PageContext }) => {
  const { keys } = page.t
  const shortcuts: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [["/"], keys.search],
    [["g", "d"], keys.dashboard],
    [["g", "s"], keys.services],
    [["g", "n"], keys.nodes],
    [["g", "c"], keys.cron],
    [["?"], keys.help],
    [["Esc"], keys.close],
  ]
  return (
    <Dialog page={page} id="keys" title={keys.title}>
      <DialogBody>
        <dl class="keys">
          {shortcuts.map(([pressed, meaning]) => (
            <div>
              <dt>{meaning}</dt>
              <dd>
                {pressed.map((key) => (
                  <kbd>{key}</kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </DialogBody>
    </Dialog>
  )
}
