import type { en } from "./en.ts"

export type Language = "en" | "zh-CN"

type Widen<T> = T extends (...parameters: infer P) => string
  ? (...parameters: P) => string
  : T extends string
    ? string
    : { readonly [K in keyof T]: Widen<T[K]> }

/** The shape of a catalogue: every text of `en`, so that a missing or extra key in another language is a type error. */
export type Messages = Widen<typeof en>
