/** What a posted form is read from: FormData and URLSearchParams both are. Files are not expected anywhere. */
export type Fields = {
  readonly get: (name: string) => unknown
  readonly getAll: (name: string) => ReadonlyArray<unknown>
}

export const text = (fields: Fields, name: string) => {
  const value = fields.get(name)
  return typeof value === "string" ? value : ""
}

export const texts = (fields: Fields, name: string) =>
  fields.getAll(name).filter((value): value is string => typeof value === "string")

/** A whole number as people write it, `undefined` when it is none. */
export const wholeNumber = (value: string, minimum: number, maximum: number) => {
  const trimmed = value.trim()
  if (!/^\d{1,9}$/.test(trimmed)) return undefined
  const number = Number(trimmed)
  return number >= minimum && number <= maximum ? number : undefined
}

export const oneOf = <Value extends string>(value: string, allowed: ReadonlyArray<Value>, fallback: Value): Value =>
  allowed.find((candidate) => candidate === value) ?? fallback
