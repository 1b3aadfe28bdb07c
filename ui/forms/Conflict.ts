import { Schema } from "effect"
import { type Fields, text } from "./Fields.ts"

/** A form's fields by their names, as people write them. */
export type Texts = Readonly<Record<string, string>>

/** Fields that are only chosen together, under the name of the first. */
export type Unit = ReadonlyArray<string>

export type Side = "theirs" | "mine"

const Values = Schema.Record(Schema.String, Schema.String)

/** What another person has changed in the same form, and made of it. `before`: what both began from. */
const Row = Schema.Struct({
  unit: Schema.Array(Schema.String),
  before: Schema.optionalKey(Values),
  theirs: Values,
  mine: Values,
})
export type ConflictRow = typeof Row.Type

const Conflict = Schema.Struct({ by: Schema.String, revision: Schema.Int, rows: Schema.Array(Row) })
export type Conflict = typeof Conflict.Type

const partOf = (unit: Unit, texts: Texts): Texts => Object.fromEntries(unit.map((name) => [name, texts[name] ?? ""]))

const isSame = (unit: Unit, a: Texts, b: Texts) =>
  unit.every((name) => (a[name] ?? "").trim() === (b[name] ?? "").trim())

type Three = { readonly before: Texts | undefined; readonly theirs: Texts; readonly mine: Texts }

/**
 * What they have changed and is not so in mine. Where I changed nothing, theirs is taken over. `before`: what both began
 * from; undefined: not known, and every difference counts.
 */
export const compare = (units: ReadonlyArray<Unit>, { before, mine, theirs }: Three) => {
  const different = units.filter((unit) => !isSame(unit, mine, theirs))
  const theirUnits = before === undefined ? different : different.filter((unit) => !isSame(unit, before, theirs))
  const untouched = before === undefined ? [] : theirUnits.filter((unit) => isSame(unit, before, mine))
  const taken = Object.assign({}, ...untouched.map((unit) => partOf(unit, theirs))) as Texts
  const rows = theirUnits.map((unit): ConflictRow => ({
    unit,
    ...(before === undefined ? {} : { before: partOf(unit, before) }),
    theirs: partOf(unit, theirs),
    mine: partOf(unit, mine),
  }))
  return { rows, merged: { ...mine, ...taken } }
}

/** Which side a form is on at a row; undefined: it was changed once more. */
export const sideOf = ({ mine, theirs, unit }: ConflictRow, now: Texts): Side | undefined => {
  if (isSame(unit, theirs, now)) return "theirs"
  return isSame(unit, mine, now) ? "mine" : undefined
}

/** The form with one side of a row, or of all rows. `name`: the first field of the row; undefined: all. */
export const choose = (rows: ReadonlyArray<ConflictRow>, name: string | undefined, side: Side, now: Texts): Texts =>
  Object.assign(
    { ...now },
    ...rows.filter(({ unit }) => name === undefined || unit[0] === name).map((row) => row[side]),
  ) as Texts

const decodeConflict = Schema.decodeUnknownOption(Schema.fromJsonString(Conflict))
const decodeTexts = Schema.decodeUnknownOption(Schema.fromJsonString(Values))

/** What a form carries along while its conflict is being settled. */
export const readConflict = (fields: Fields): Conflict | undefined => {
  const found = decodeConflict(text(fields, "conflict"))
  return found._tag === "Some" ? found.value : undefined
}

/** What a form was filled from when it was opened. */
export const readOpened = (fields: Fields): Texts | undefined => {
  const found = decodeTexts(text(fields, "opened"))
  return found._tag === "Some" ? found.value : undefined
}
