import type { CallOutcome } from "../src/domain/CallOutcome.ts"
import type { ParameterProblem } from "./forms/ParameterField.ts"
import type { SettingProblem } from "./forms/SettingText.ts"

/* What the call console is fed with. */

/** What a service says of one of its methods. */
export type MethodView = {
  readonly name: string
  readonly parameters: ReadonlyArray<ParameterView>
  readonly rest: boolean
  readonly kind: "unary" | "stream"
  readonly description?: string
}

export type ParameterView = {
  readonly name: string
  readonly optional: boolean
  /** A JSON Schema; absent: nothing is known of it. */
  readonly schema?: Readonly<Record<string, unknown>>
}

export type CallFormValues = {
  readonly method: string
  /** The method whose parameters are on the page: not yet `method` when that was just changed. */
  readonly shown: string
  readonly mode: "fields" | "json"
  /** One text for each parameter. */
  readonly fields: ReadonlyArray<string>
  /** Further arguments, as a JSON list. */
  readonly rest: string
  readonly json: string
  readonly timeout: string
  /** `ip:port`, or `all`. */
  readonly endpoint: string
}

export type CallFormErrors = {
  readonly method?: "name"
  readonly timeout?: SettingProblem
  /** By index of the parameter. */
  readonly fields?: Readonly<Record<number, ParameterProblem>>
  /** `message` null: it is no list. */
  readonly rest?: { readonly message: string | null }
  readonly json?: { readonly kind: "list" } | { readonly kind: "syntax"; readonly message: string }
}

export type CallFormModel = {
  readonly serviceId: string
  readonly serviceName: string
  readonly methods: ReadonlyArray<MethodView>
  readonly endpoints: ReadonlyArray<{ readonly key: string; readonly nodeName: string | null }>
  readonly values: CallFormValues
  readonly errors: CallFormErrors
}

export type CallAnswerModel = {
  readonly method: string
  readonly outcomes: ReadonlyArray<CallOutcome>
  /** The same call from a shell. */
  readonly curl: string
  readonly muster: string
}
