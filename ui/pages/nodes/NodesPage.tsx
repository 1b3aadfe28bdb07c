import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { filterNodes, isFiltered, nodeIs } from "../../Lists.ts"
import { Empty } from "../../parts/Empty.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { ListBody, membersVersion } from "../../parts/ListBody.tsx"
import { Search, Segments } from "../../parts/ListTools.tsx"
import { paths } from "../../Paths.ts"
import type { ListQuery, NodeFilter, NodeView, PageContext, TokenView } from "../../ViewModels.ts"
import { NodeRow } from "./NodeRow.tsx"
import { TokensCard } from "./TokensCard.tsx"

type Props = { page: PageContext; nodes: ReadonlyArray<NodeView> }
type PageProps = Props & { tokens: ReadonlyArray<TokenView>; query: ListQuery<NodeFilter> }

export const NodesPage = ({ page, nodes, tokens, query }: PageProps) => (
  <Shell page={page} title={page.t.nodes.title} topics="nodes">
    <PageHead
      title={page.t.nodes.title}
      subtitle={page.t.nodes.subtitle}
      actions={nodes.length === 0 ? undefined : <JoinButton page={page} />}
    />
    <section class="card" aria-label={page.t.nodes.title}>
      <div class="tools">
        <Segments
          page={page}
          list="nodes"
          base={paths.nodes}
          current={query.filter}
          label={page.t.column.status}
          segments={nodeSegments(page, nodes)}
        />
        <Search list="nodes" base={paths.nodes} filter={query.filter} value={query.search} label={page.t.nodes.find} />
      </div>
      <ListBody list="nodes" version={nodesVersion(nodes)} filtered={isFiltered(query)}>
        {isFiltered(query) ? (
          <Filtered page={page} nodes={filterNodes(nodes, query)} />
        ) : (
          <All page={page} nodes={nodes} />
        )}
      </ListBody>
    </section>
    <TokensCard page={page} tokens={tokens} />
  </Shell>
)

export const nodesVersion = (nodes: ReadonlyArray<NodeView>) => membersVersion(nodes.map((node) => node.id))

/** The counts of the filters, which live updates refresh. */
export const nodeSegments = (page: PageContext, nodes: ReadonlyArray<NodeView>) => {
  const { connection } = page.t
  const count = (filter: NodeFilter | "all") => nodes.filter((node) => nodeIs(node, filter)).length
  return [
    { key: "all", label: page.t.nodes.all, count: count("all") },
    { key: "connected", label: connection.connected, count: count("connected") },
    { key: "away", label: connection.away, count: count("away") },
    { key: "revoked", label: connection.revoked, count: count("revoked") },
  ]
}

const JoinButton = ({ page }: { page: PageContext }) => (
  <button type="button" class="button button-primary" hx-get={paths.join} hx-target="#dialogs" hx-swap="innerHTML">
    <Icon name="plus" />
    {page.t.nodes.join}
  </button>
)

const All = ({ page, nodes }: Props) =>
  nodes.length === 0 ? (
    <Empty icon="nodes" title={page.t.nodes.empty} help={page.t.nodes.emptyHelp} whole>
      <JoinButton page={page} />
    </Empty>
  ) : (
    <Table page={page} nodes={nodes} />
  )

const Filtered = ({ page, nodes }: Props) =>
  nodes.length === 0 ? (
    <Empty icon="filter" title={page.t.nodes.noMatch} help={page.t.nodes.noMatchHelp}>
      <a class="button" href={paths.nodes}>
        {page.t.action.clearFilter}
      </a>
    </Empty>
  ) : (
    <Table page={page} nodes={nodes} />
  )

const Table = ({ page, nodes }: Props) => {
  const { column } = page.t
  return (
    <div class="table-wrap">
      <table class="table table-fixed table-hover table-wide">
        <colgroup>
          <col class="width-name" />
          <col />
          <col class="width-workers" />
          <col class="width-small" />
          <col class="width-time" />
          <col class="width-time" />
          <col class="width-button" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{column.node}</th>
            <th scope="col">{column.connection}</th>
            <th scope="col">{column.version}</th>
            <th scope="col" class="number">
              {column.endpoints}
            </th>
            <th scope="col">{column.lastSeen}</th>
            <th scope="col">{column.joined}</th>
            <th scope="col">
              <span class="hidden">{column.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <NodeRow page={page} node={node} />
          ))}
        </tbody>
      </table>
    </div>
  )
}
