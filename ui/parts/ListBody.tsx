import type { PropsWithChildren } from "hono/jsx"

const prime = 0x01000193
const start = 0x811c9dc5

/** Changes when a row comes, goes or moves; not when a row changes. FNV-1a over the ids, with their count. */
export const membersVersion = (ids: ReadonlyArray<string>) => {
  let hash = start
  for (const id of ids) {
    for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), prime)
    hash = Math.imul(hash ^ 10, prime)
  }
  return `${ids.length}-${(hash >>> 0).toString(36)}`
}

/** `#<list>-members`: the version of the list's members as the manager knows it; kept fresh by live updates. */
export const Members = ({ list, version }: { list: string; version: string }) => (
  <div id={`${list}-members`} data-list={list} data-members={version} hidden></div>
)

type ListBodyProps = { list: string; version: string; filtered?: boolean }

/**
 * `#<list>-list`: the rows. Rows are updated one by one; when the members no longer match, assets/lists.js asks for the
 * page again and morphs this. A filtered list keeps its rows until the reader asks for others.
 */
export const ListBody = (props: PropsWithChildren<ListBodyProps>) => (
  <>
    <Members list={props.list} version={props.version} />
    <ListRows {...props} />
  </>
)

/** The rows alone, for an answer that brings others. */
export const ListRows = ({ list, version, filtered = false, children }: PropsWithChildren<ListBodyProps>) => (
  <div id={`${list}-list`} data-members={filtered ? undefined : version}>
    {children}
  </div>
)
