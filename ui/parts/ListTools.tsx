import type { PageContext } from "../ViewModels.ts"
import { formatNumber } from "./Format.ts"
import { Icon } from "./Icon.tsx"

export type Segment = { readonly key: string; readonly label: string; readonly count: number }

const address = (base: string, filter: string) => (filter === "all" ? base : `${base}?f=${filter}`)

/** Filters of a list as links, each with its count: `#<list>-count-<key>`. */
export const Segments = (props: {
  page: PageContext
  list: string
  base: string
  current: string
  label: string
  segments: ReadonlyArray<Segment>
}) => (
  <nav class="segments" aria-label={props.label}>
    {props.segments.map(({ key, label, count }) => (
      <a class="segment" href={address(props.base, key)} aria-current={key === props.current ? "true" : undefined}>
        <span>{label}</span>
        <span class="count" id={`${props.list}-count-${key}`}>
          {formatNumber(props.page.lang, count)}
        </span>
      </a>
    ))}
  </nav>
)

/** The server knows only whole pages: the answer's list replaces the page's, and the address follows. */
export const Search = (props: { list: string; base: string; filter: string; value: string; label: string }) => (
  <div class="search" role="search">
    <Icon name="search" />
    <input
      type="search"
      name="q"
      value={props.value}
      placeholder={props.label}
      aria-label={props.label}
      autocomplete="off"
      data-search=""
      hx-get={address(props.base, props.filter)}
      hx-trigger="input changed delay:200ms, search"
      hx-sync="replace"
      hx-target={`#${props.list}-list`}
      hx-select={`#${props.list}-list`}
      hx-swap="outerMorph"
      hx-replace-url="true"
    />
    <kbd aria-hidden="true">/</kbd>
  </div>
)
