import { type RpcSettingName, rpcSettings } from "../../../../src/domain/Setting.ts"
import {
  defaultText,
  isDefault,
  type SettingGroup,
  settingGroups,
  type SettingProblem,
  settingText,
} from "../../../forms/SettingText.ts"
import { described, Field, FieldError } from "../../../parts/Field.tsx"
import { rpcPrefix } from "../../../forms/process/SpecForm.ts"
import type { SpecFormModel } from "../../../ProcessModels.ts"
import type { PageContext } from "../../../ViewModels.ts"
import type { Child } from "hono/jsx"

type Props = { page: PageContext; model: SpecFormModel }

/** All numbers of the table of settings, in groups that are closed until somebody needs them. */
export const RpcSettings = ({ page, model }: Props) => (
  <div class="settings">
    <div>
      <h3>{page.t.settings.title}</h3>
      <p class="quiet">{page.t.settings.intro}</p>
    </div>
    <div class="settings-groups">
      <Group page={page} model={model} group="recycling" />
      <Group page={page} model={model} group="limits">
        <MethodConcurrency page={page} model={model} />
      </Group>
      <Group page={page} model={model} group="timeouts" />
      <Group page={page} model={model} group="tasks" />
      <Compatibility page={page} model={model} />
    </div>
  </div>
)

type FoldProps = { title: string; summary: string; changed: boolean; open: boolean; children?: Child }

const Fold = ({ title, summary, changed, open, children }: FoldProps) => (
  <details class="fold" open={open}>
    <summary>
      <span class="fold-title">{title}</span>
      <span class={changed ? "fold-note" : "fold-note quiet"}>{summary}</span>
    </summary>
    {children}
  </details>
)

const Group = ({ page, model, group, children }: Props & { group: SettingGroup; children?: Child }) => {
  const names = settingGroups[group]
  const { errors } = model
  const changes = changesOf(page, model, group)
  const isWrong =
    names.some((name) => errors.rpc?.[name] !== undefined) ||
    (group === "limits" && errors.methodConcurrency !== undefined)
  return (
    <Fold
      title={page.t.settings.groups[group]}
      summary={changes.length === 0 ? page.t.settings.allDefault : changes.join(" · ")}
      changed={changes.length > 0}
      open={isWrong}
    >
      <div class="settings-grid">
        {names.map((name) => (
          <SettingField page={page} model={model} name={name} />
        ))}
      </div>
      {children}
    </Fold>
  )
}

/** What of a group is not at its default, as its summary says it. */
const changesOf = (page: PageContext, { values }: SpecFormModel, group: SettingGroup): ReadonlyArray<string> => {
  const { settings } = page.t
  const numbers = settingGroups[group]
    .filter((name) => !isDefault(name, values.rpc[name]))
    .map((name) => `${settings.label[name]} ${values.rpc[name]}`)
  const methods = values.methodConcurrency.split("\n").filter((line) => line.trim() !== "").length
  return group === "limits" && methods > 0
    ? [...numbers, `${settings.methodConcurrency} ${settings.methods(methods)}`]
    : numbers
}

const errorText = (page: PageContext, name: RpcSettingName, problem: SettingProblem | undefined) => {
  const { error } = page.t.settings
  const setting = rpcSettings[name]
  if (problem === undefined) return undefined
  if (problem === "range")
    return error.range(settingText(setting, setting.minimum), settingText(setting, setting.maximum))
  return setting.unit === "count" ? error.number : error[setting.unit]
}

const SettingField = ({ page, model, name }: Props & { name: RpcSettingName }) => {
  const { settings } = page.t
  const setting = rpcSettings[name]
  const text = model.values.rpc[name]
  const shown = defaultText(name)
  const error = errorText(page, name, model.errors.rpc?.[name])
  const zero = "zero" in setting ? ` ${settings.zero[setting.zero]}` : ""
  const range = settings.range(settingText(setting, setting.minimum), settingText(setting, setting.maximum))
  return (
    <div class="field">
      <label for={name}>{settings.label[name]}</label>
      <div class="setting">
        <input
          id={name}
          name={`${rpcPrefix}${name}`}
          class="input input-short"
          value={text === "" ? shown : text}
          autocomplete="off"
          spellcheck={false}
          inputmode={setting.unit === "count" ? "numeric" : "text"}
          data-default={shown}
          {...described(name, error, true)}
        />
        <button
          type="button"
          class="button button-small button-ghost"
          data-to-default={name}
          hidden={isDefault(name, text)}
          aria-label={settings.backToDefault(settings.label[name], shown)}
        >
          {settings.default(shown)}
        </button>
      </div>
      <FieldError id={name} text={error} />
      <p class="field-help" id={`${name}-help`}>
        {settings.help[name]} {range}
        {zero}
      </p>
    </div>
  )
}

const MethodConcurrency = ({ page, model }: Props) => {
  const { settings } = page.t
  const wrong = model.errors.methodConcurrency
  const error = wrong === undefined ? undefined : settings.methodConcurrencyLine(wrong.line)
  const { methodConcurrency } = model.values
  return (
    <Field
      id="methodConcurrency"
      label={settings.methodConcurrency}
      help={settings.methodConcurrencyHelp}
      error={error}
    >
      <textarea
        id="methodConcurrency"
        name="methodConcurrency"
        class="input input-mono"
        rows={Math.max(2, methodConcurrency.split("\n").length)}
        spellcheck={false}
        {...described("methodConcurrency", error, true)}
      >
        {`\n${methodConcurrency}`}
      </textarea>
    </Field>
  )
}

const Compatibility = ({ page, model }: Props) => {
  const { settings } = page.t
  const { legacy } = model.values
  const error = model.errors.fields["rpc.legacy"] === undefined ? undefined : settings.legacyTls
  return (
    <Fold
      title={settings.groups.compatibility}
      summary={legacy ? settings.legacyOn : settings.allDefault}
      changed={legacy}
      open={error !== undefined}
    >
      <div class="field">
        <label class="check">
          <input type="checkbox" id="legacy" name="legacy" checked={legacy} {...described("legacy", error, true)} />
          <span>{settings.legacy}</span>
        </label>
        <FieldError id="legacy" text={error} />
        <p class="field-help" id="legacy-help">
          {settings.legacyHelp}
        </p>
      </div>
    </Fold>
  )
}
