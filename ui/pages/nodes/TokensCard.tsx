import { Card } from "../../parts/Card.tsx"
import { Status, type Tone } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, TokenView } from "../../ViewModels.ts"

type Props = { page: PageContext; tokens: ReadonlyArray<TokenView> }

/** `#tokens`: which hosts may still come in, and by whose word. */
export const TokensCard = ({ page, tokens }: Props) =>
  tokens.length === 0 ? (
    <div id="tokens" hidden></div>
  ) : (
    <Card id="tokens" title={page.t.tokens.title}>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{page.t.column.token}</th>
              <th scope="col">{page.t.column.kind}</th>
              <th scope="col">{page.t.column.status}</th>
              <th scope="col">{page.t.column.expires}</th>
              <th scope="col">{page.t.column.created}</th>
              <th scope="col">
                <span class="hidden">{page.t.column.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tokens.map((token) => (
              <TokenRow page={page} token={token} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  )

const tones: Readonly<Record<TokenView["state"], Tone>> = { open: "ok", used: "off", expired: "off", revoked: "off" }

const shortId = (id: string) => `…${id.slice(-6)}`

const TokenRow = ({ page, token }: { page: PageContext; token: TokenView }) => {
  const { tokens } = page.t
  return (
    <tr>
      <td class="mono nowrap">{shortId(token.id)}</td>
      <td class="nowrap">{tokens[token.kind]}</td>
      <td class="nowrap">
        <Status tone={tones[token.state]}>{tokens[token.state]}</Status>{" "}
        {token.usedAt !== null && (
          <span class="quiet">
            <Time page={page} at={token.usedAt} />
          </span>
        )}
      </td>
      <td class="nowrap quiet">
        <Time page={page} at={token.expiresAt} />
      </td>
      <td class="nowrap quiet">
        <Time page={page} at={token.createdAt} /> · {token.createdBy}
      </td>
      <td class="actions">
        {token.state === "open" && (
          <button
            type="button"
            class="button button-small button-row"
            hx-delete={paths.token(token.id)}
            aria-label={tokens.revokeOf(shortId(token.id))}
          >
            {tokens.revoke}
          </button>
        )}
      </td>
    </tr>
  )
}
