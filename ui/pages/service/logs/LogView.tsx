import type { Child } from "hono/jsx"
import { Icon } from "../../../parts/Icon.tsx"
import { paths } from "../../../Paths.ts"
import type { LogsQuery, PageContext, ServiceDetail } from "../../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail; query: LogsQuery }

/** The frame of the log: assets/logs.js reads it as a stream, and fills it. */
export const LogView = ({ page, service, query }: Props) => {
  const { logs } = page.t
  return (
    <section
      class="card logs"
      aria-label={logs.title}
      data-logs=""
      data-url={paths.logLines(service.name)}
      data-text-following={logs.following}
      data-text-paused={logs.paused}
      data-text-whole={logs.whole}
      data-text-connecting={logs.connecting}
      data-text-none={logs.none}
      data-text-no-match={logs.noMatch}
      data-text-dropped={logs.dropped}
      data-text-left={logs.left}
      data-text-away={logs.away}
      data-text-back={logs.back}
    >
      <Filters page={page} service={service} query={query} />
      <Actions page={page} service={service} query={query} />
      <div class="log-frame">
        <div
          class={query.wrap ? "log log-wrap" : "log"}
          role="log"
          aria-live="off"
          aria-label={logs.lines}
          tabindex={0}
          data-log-lines=""
        ></div>
        <button type="button" class="button button-small log-newest" data-log-newest="" hidden>
          <Icon name="down" />
          <span>{logs.newest}</span>
          <span class="count" data-log-news=""></span>
        </button>
      </div>
    </section>
  )
}

type Option = readonly [value: string, label: string]
type SelectProps = { name: string; label: string; value: string; options: ReadonlyArray<Option> }

const Select = ({ name, label, value, options }: SelectProps) => (
  <select name={name} class="input input-tool" aria-label={label} title={label} autocomplete="off">
    {options.map(([key, text]) => (
      <option value={key} selected={key === value}>
        {text}
      </option>
    ))}
  </select>
)

const instancesOf = ({ process }: ServiceDetail): ReadonlyArray<string> => {
  const all = (process?.instances ?? []).flatMap(({ status }) => [
    ...(status?.workers ?? []).map(({ slot }) => String(slot)),
    ...(status?.taskWorkers ?? []).map(({ slot }) => `tasks/${slot}`),
  ])
  return [...new Set(all)].toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
}

const nodesOf = ({ process }: ServiceDetail): ReadonlyArray<Option> => [
  ...new Map((process?.instances ?? []).map(({ nodeId, nodeName }) => [nodeId, nodeName])),
]

/** What is chosen stays in the list, also when nothing of it runs now. */
const withChosen = (options: ReadonlyArray<Option>, chosen: string): ReadonlyArray<Option> =>
  chosen === "" || options.some(([value]) => value === chosen) ? options : [...options, [chosen, chosen]]

const Filters = ({ page, service, query }: Props) => {
  const { logs } = page.t
  const places = instancesOf(service).map((place): Option => [place, place])
  return (
    <div class="tools">
      <div class="search" role="search">
        <Icon name="search" />
        <input
          type="search"
          name="search"
          value={query.search}
          placeholder={logs.search}
          aria-label={logs.search}
          title={logs.searchHelp}
          autocomplete="off"
          spellcheck={false}
          maxlength={1_000}
          data-search=""
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <Select
        name="node"
        label={logs.node}
        value={query.node}
        options={[["", logs.allNodes], ...withChosen(nodesOf(service), query.node)]}
      />
      <Select
        name="place"
        label={logs.instance}
        value={query.place}
        options={[["", logs.allInstances], ...withChosen(places, query.place)]}
      />
      <Select
        name="stream"
        label={logs.stream}
        value={query.stream}
        options={[
          ["", logs.bothStreams],
          ["out", "stdout"],
          ["err", "stderr"],
        ]}
      />
      <Select
        name="level"
        label={logs.level}
        value={query.level}
        options={[
          ["", logs.allLevels],
          ["info", logs.fromLevel.info],
          ["warn", logs.fromLevel.warn],
          ["error", logs.fromLevel.error],
        ]}
      />
    </div>
  )
}

const Moment = ({ name, label, value }: { name: string; label: string; value: string }) => (
  <label class="log-moment">
    <span class="quiet">{label}</span>
    <input type="datetime-local" name={name} class="input input-tool" value={value} step="1" autocomplete="off" />
  </label>
)

const Actions = ({ page, service, query }: Props) => {
  const { logs } = page.t
  return (
    <div class="tools log-actions">
      <span class="log-state" data-log-state="" role="status">
        {logs.connecting}
      </span>
      <Push>
        <Moment name="from" label={logs.from} value={query.from} />
        <Moment name="to" label={logs.to} value={query.to} />
        <label class="check">
          <input type="checkbox" class="checkbox" name="wrap" checked={query.wrap} autocomplete="off" />
          <span>{logs.wrap}</span>
        </label>
        <button
          type="button"
          class="button button-small log-pause"
          aria-pressed="false"
          data-log-pause=""
          data-pause={logs.pause}
          data-go-on={logs.goOn}
        >
          <Icon name="pause" />
          <Icon name="play" />
          <span>{logs.pause}</span>
        </button>
        <button type="button" class="button button-small" data-log-clear="">
          <Icon name="x" />
          {logs.clear}
        </button>
        <a
          class="button button-small"
          href={`${paths.logLines(service.name)}?format=text`}
          download
          hx-boost="false"
          data-log-save=""
        >
          <Icon name="download" />
          {logs.save}
        </a>
      </Push>
    </div>
  )
}

const Push = ({ children }: { children?: Child }) => <div class="log-buttons push-right">{children}</div>
