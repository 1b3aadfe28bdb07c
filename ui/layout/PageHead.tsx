import type { Child } from "hono/jsx"

/** Title, a quiet line under it, and at the right what can be done; one primary button at most. */
export const PageHead = (props: { title: string; beside?: Child; subtitle?: Child; actions?: Child }) => (
  <div class="page-head">
    <div class="page-head-text">
      <div class="page-title">
        <h1>{props.title}</h1>
        {props.beside}
      </div>
      {props.subtitle !== undefined && props.subtitle !== "" && <p class="page-subtitle">{props.subtitle}</p>}
    </div>
    {props.actions !== undefined && <div class="page-actions">{props.actions}</div>}
  </div>
)
