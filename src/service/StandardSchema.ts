/** Standard Schema, version 1 (standardschema.dev): what Effect Schema, Zod, Valibot, ArkType and others give. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Verdict<Output> | Promise<Verdict<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema says of a value: the value as it is to be used, or what is wrong with it. */
export type Verdict<Output = unknown> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<Issue> }

export interface Issue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

/** A schema of anything, as a constraint of a type parameter. */
export type AnySchema = StandardSchema<unknown, unknown>

/** What a schema takes, and what it makes of it. */
export type InputOf<S extends AnySchema> = NonNullable<S["~standard"]["types"]>["input"]
export type OutputOf<S extends AnySchema> = NonNullable<S["~standard"]["types"]>["output"]

export const isSchema = (value: unknown): value is AnySchema =>
  (typeof value === "object" || typeof value === "function") &&
  value !== null &&
  "~standard" in value &&
  typeof (value["~standard"] as { validate?: unknown } | null)?.validate === "function"
