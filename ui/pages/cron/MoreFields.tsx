import { cronCounts, cronTimes, newCron, timeText } from "../../forms/CronFields.ts"
import type { CronCountField, CronFormModel, CronTimeField } from "../../CronModels.ts"
import { Choice, Field, TextField } from "../../parts/Field.tsx"
import type { PageContext } from "../../ViewModels.ts"
import { AreaField } from "./ActionFields.tsx"

type Props = { page: PageContext; model: CronFormModel }

const fields = ["overlap", "missed", "timeout", "retries", "retryDelay", "jitter", "keepRuns", "keep"] as const
const ofCommands = ["user", "cwd", "env"] as const

/** What most tasks leave as it is, closed until somebody needs it. */
export const MoreFields = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const { errors, values } = model
  const all = [...fields, ...ofCommands]
  const isWrong = all.some((name) => name in errors)
  const changed = all.filter((name) => values[name].trim() !== newCron[name]).map((name) => labelOf(page, name))
  return (
    <div class="settings-groups">
      <details class="fold" open={isWrong}>
        <summary>
          <span class="fold-title">{form.more}</span>
          <span class={changed.length > 0 ? "fold-note" : "fold-note quiet"}>
            {changed.length > 0 ? changed.join(" · ") : form.allDefault}
          </span>
        </summary>
        <div class="form-part">
          <Policies page={page} model={model} />
          <div class="settings-grid">
            <Time page={page} model={model} name="timeout" help={form.timeoutHelp} />
            <Count page={page} model={model} name="retries" help={form.retriesHelp} />
            <Time page={page} model={model} name="retryDelay" help={form.retryDelayHelp} />
            <Time page={page} model={model} name="jitter" help={form.jitterHelp} />
            <Count page={page} model={model} name="keepRuns" help={form.keepRunsHelp} />
            <Time page={page} model={model} name="keep" help={form.keepHelp} />
          </div>
          <OfCommand page={page} model={model} />
        </div>
      </details>
    </div>
  )
}

export const labelOf = (
  { t: { cron } }: PageContext,
  name: (typeof fields)[number] | (typeof ofCommands)[number],
): string => {
  const { form } = cron
  const labels = {
    overlap: cron.facts.overlap,
    missed: cron.facts.missed,
    timeout: form.timeout,
    retries: form.retries,
    retryDelay: form.retryDelay,
    jitter: cron.facts.jitter,
    keepRuns: form.keepRuns,
    keep: form.keep,
    user: form.user,
    cwd: form.cwd,
    env: form.environment,
  }
  return labels[name]
}

const Policies = ({ page, model }: Props) => {
  const { cron } = page.t
  const { form, missed, overlap } = cron
  return (
    <>
      <Choice
        name="overlap"
        label={form.overlap}
        value={model.values.overlap}
        options={(["skip", "queue", "replace", "allow"] as const).map((value) => ({
          value,
          label: overlap[value],
          help: form.overlapHelp[value],
        }))}
      />
      <Field id="missed" label={form.missed}>
        <select id="missed" name="missed" class="input">
          {(["once", "all", "skip"] as const).map((value) => (
            <option value={value} selected={value === model.values.missed}>
              {missed[value]}
            </option>
          ))}
        </select>
      </Field>
    </>
  )
}

const Time = ({ page, model, name, help }: Props & { name: CronTimeField; help: string }) => {
  const { form } = page.t.cron
  const [least, most] = cronTimes[name]
  const texts = { unit: form.time, range: form.timeRange(timeText(least), timeText(most)), none: undefined }
  return (
    <TextField
      id={name}
      label={form[name]}
      value={model.values[name]}
      help={help}
      error={texts[model.errors[name] ?? "none"]}
      short
    />
  )
}

const Count = ({ page, model, name, help }: Props & { name: CronCountField; help: string }) => {
  const { form } = page.t.cron
  return (
    <TextField
      id={name}
      label={form[name]}
      value={model.values[name]}
      help={help}
      error={model.errors[name] === undefined ? undefined : form.count(...cronCounts[name])}
      short
      with={{ inputmode: "numeric" }}
    />
  )
}

const OfCommand = ({ page, model }: Props) => {
  const { form } = page.t.cron
  const { errors, values } = model
  return (
    <div class="form-part" data-for="program">
      <div class="form-pair">
        <TextField id="user" label={form.user} value={values.user} help={form.userHelp} />
        <TextField
          id="cwd"
          label={form.cwd}
          value={values.cwd}
          help={form.cwdHelp}
          error={errors.cwd === undefined ? undefined : form.cwdWrong}
          mono
        />
      </div>
      <AreaField
        id="env"
        label={form.environment}
        value={values.env}
        help={form.environmentHelp}
        error={errors.env === undefined ? undefined : form.environmentLine(errors.env.line)}
        rows={3}
      />
    </div>
  )
}
