import type { Problem } from "../src/domain/Problem.ts"
import type { Desired } from "../src/domain/ProcessSpec.ts"
import type { Conflict, Texts } from "./forms/Conflict.ts"
import type { SettingErrors, SettingTexts } from "./forms/SettingText.ts"

/*
 * What the pages of processes are fed with: structurally equal to the fleet's views. Times are milliseconds since 1970.
 */

/** What a person has asked of a process set, and what came of it. */
export type ActionView = {
  readonly action: "start" | "stop" | "restart" | "scale" | "push"
  readonly state: "running" | "done" | "failed" | "kept" | "pending"
  readonly by: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly reason: string | null
  readonly problem: Problem | null
}

/** How far what a node is to have of a spec, and whether it is to run, has come. */
export type SpecDelivery = {
  readonly state: "acked" | "sending" | "refused" | "away" | "none"
  readonly wanted: { readonly revision: number; readonly desired: Desired } | null
  readonly problem: Problem | null
  readonly message: string | null
  readonly nextTryAt: number | null
}

/** Processes of a service on all of its joined nodes. */
export type ProcessSummary = {
  readonly kind: "module" | "command"
  readonly desired: Desired
  readonly wanted: number
  readonly running: number
  readonly stopping: number
  readonly workers: { readonly ready: number; readonly want: number }
}

/** Something on a node that a person should see, and that is still so. */
export type NodeNotice = {
  readonly code: string
  readonly subject: string
  readonly message: string
  readonly since: number
}

export type SpecFormValues = {
  readonly kind: "module" | "command"
  /** Which of the two forms of the spec is on the page. */
  readonly mode: "form" | "json"
  readonly json: string
  /** What was wanted when the form was opened: who changes nothing of it leaves it to whoever did meanwhile. */
  readonly desiredWas: string
  /** Each field as it was typed, by its path in the spec; empty: as the spec has it when it says nothing. */
  readonly texts: Readonly<Record<string, string>>
  /** How a module's workers answer calls. */
  readonly rpc: SettingTexts
  /** One `method=number` a line. */
  readonly methodConcurrency: string
  readonly legacy: boolean
}

export type SpecFormErrors = {
  /** A sentence of the spec's schema for each field, by its path. */
  readonly fields: Readonly<Record<string, string>>
  readonly rpc?: SettingErrors
  /** The first line that is not method=number, from 1. */
  readonly methodConcurrency?: { readonly line: number }
}

export type SpecFormModel = {
  /** `null`: the service has no process spec yet. */
  readonly revision: number | null
  /** The revision that the form was filled from; 0: there was none. */
  readonly base: number
  /** What it was filled from; left out: its values. */
  readonly opened?: Texts
  /** Who has made another one since, as it was just found. */
  readonly stale?: { readonly revision: number; readonly by: string }
  /** What they changed, until the form is saved. */
  readonly conflict?: Conflict
  /** What its values mean, when they are JSON. */
  readonly shown?: Texts
  readonly values: SpecFormValues
  readonly errors: SpecFormErrors
  /** The group of fields that was just changed, and stays open. */
  readonly open?: string
  /** Joined nodes that may be named. */
  readonly candidates: ReadonlyArray<{ readonly ip: string; readonly name: string }>
}
