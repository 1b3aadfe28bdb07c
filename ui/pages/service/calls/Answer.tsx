import { bytesShownMax, type CallOutcome } from "../../../../src/domain/CallOutcome.ts"
import type { CallAnswerModel } from "../../../CallModels.ts"
import { formatBytes, formatNumber } from "../../../parts/Format.ts"
import { Icon } from "../../../parts/Icon.tsx"
import { Status } from "../../../parts/Status.tsx"
import type { PageContext } from "../../../ViewModels.ts"

type Props = { page: PageContext; answer: CallAnswerModel }

/** `#call-answer`: what each endpoint answered, and the same call from a shell. */
export const CallAnswer = ({ page, answer }: Props) => {
  const { console } = page.t.calls
  return (
    <div id="call-answer" class="answers" role="group" aria-label={console.answer(answer.method)}>
      {answer.outcomes.map((outcome, index) => (
        <Outcome page={page} outcome={outcome} id={`answer-${index}`} />
      ))}
      <div class="answer-shell">
        <p class="label">{console.shell}</p>
        <Command page={page} id="call-curl" label={console.curl} text={answer.curl} copy={console.copyCurl} />
        <Command page={page} id="call-muster" label={console.muster} text={answer.muster} copy={console.copyMuster} />
      </div>
    </div>
  )
}

const time = (page: PageContext, ms: number) =>
  page.t.calls.console.milliseconds(formatNumber(page.lang, ms, ms < 10 ? 2 : 1))

const Outcome = ({ page, outcome, id }: { page: PageContext; outcome: CallOutcome; id: string }) => (
  <section class="answer" aria-labelledby={id}>
    <p class="answer-head" id={id}>
      <Status tone={outcome.ok ? "ok" : "bad"}>
        {outcome.ok ? page.t.calls.console.answered : <code>{outcome.code}</code>}
      </Status>
      <span class="mono">{outcome.endpoint}</span>
      {outcome.nodeName !== null && <span class="quiet">{outcome.nodeName}</span>}
      <span class="quiet">{time(page, outcome.tookMs)}</span>
      {outcome.ok && <span class="quiet">{formatBytes(page.lang, outcome.bytes)}</span>}
    </p>
    {outcome.ok ? <Value page={page} outcome={outcome} id={id} /> : <Failure page={page} outcome={outcome} />}
  </section>
)

type Answered = Extract<CallOutcome, { ok: true }>
type Failed = Extract<CallOutcome, { ok: false }>

const Value = ({ page, outcome, id }: { page: PageContext; outcome: Answered; id: string }) => {
  const { console } = page.t.calls
  const { cut, json, stream } = outcome
  return (
    <>
      {stream !== null && (
        <p class="quiet small">
          {console.items(stream.items)} · {console.end[stream.end]}
        </p>
      )}
      <pre class="code" tabindex={0} role="group" aria-labelledby={id}>
        <code>{json}</code>
      </pre>
      {cut && <p class="warn small">{console.cutAt(formatBytes(page.lang, bytesShownMax))}</p>}
    </>
  )
}

const Failure = ({ page, outcome }: { page: PageContext; outcome: Failed }) => {
  const { console } = page.t.calls
  return (
    <>
      <p class="break">
        <span class="bad">{outcome.message}</span> <span class="quiet">{console.executed[outcome.executed]}</span>
      </p>
      {outcome.details !== null && (
        <>
          <p class="label small">{console.details}</p>
          <pre class="code" tabindex={0} role="group" aria-label={console.details}>
            <code>{outcome.details}</code>
          </pre>
        </>
      )}
    </>
  )
}

type CommandProps = { page: PageContext; id: string; label: string; text: string; copy: string }

const Command = ({ page, id, label, text, copy }: CommandProps) => (
  <div>
    <p class="field-help" id={`${id}-label`}>
      {label}
    </p>
    <div class="command">
      <pre tabindex={0} role="group" aria-labelledby={`${id}-label`}>
        <code id={id}>{text}</code>
      </pre>
      <button type="button" class="button button-small" data-copy={`#${id}`} aria-label={copy}>
        <Icon name="copy" />
        <span>{page.t.action.copy}</span>
      </button>
    </div>
  </div>
)
