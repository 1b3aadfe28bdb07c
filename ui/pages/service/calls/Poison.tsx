import type { CallsView } from "../../../../src/domain/CallFigures.ts"
import { Card } from "../../../parts/Card.tsx"
import { Callout } from "../../../parts/Field.tsx"
import { formatNumber } from "../../../parts/Format.ts"
import type { PageContext } from "../../../ViewModels.ts"

type Props = { page: PageContext; view: CallsView }

/** `#calls-poison`: calls that are refused because they take workers down, and what to do about it. */
export const Poison = ({ page, view }: Props) => {
  const { calls, column } = page.t
  if (view.poison.length === 0) return <div id="calls-poison" hidden></div>
  return (
    <Card id="calls-poison" title={calls.poison}>
      <div class="card-note">
        <Callout tone="warn">
          <p>{calls.poisonHelp}</p>
        </Callout>
      </div>
      <div class="table-wrap" tabindex={0} role="group" aria-label={calls.poison}>
        <table class="table table-attention" aria-label={calls.poison}>
          <thead>
            <tr>
              <th scope="col">{calls.method}</th>
              <th scope="col">{column.node}</th>
              <th scope="col" class="number">
                {calls.crashes}
              </th>
              <th scope="col">{calls.hash}</th>
            </tr>
          </thead>
          <tbody>
            {view.poison.map(({ crashes, hash, method, nodeName }) => (
              <tr>
                <td>
                  <code class="break">{method}</code>
                </td>
                <td>{nodeName}</td>
                <td class="number bad">{formatNumber(page.lang, crashes)}</td>
                <td class="quiet">
                  <code class="break">{hash}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  )
}
