import type { Child, PropsWithChildren } from "hono/jsx"

type CardProps = { title: string; id?: string; actions?: Child }

/** A surface with a titled head. Never put one into another. */
export const Card = ({ title, id, actions, children }: PropsWithChildren<CardProps>) => (
  <section class="card" id={id} aria-label={title}>
    <header class="card-head">
      <h2>{title}</h2>
      {actions !== undefined && <div class="card-actions">{actions}</div>}
    </header>
    {children}
  </section>
)
