import { Effect, Schema } from "effect"

type RowSchema = Schema.Constraint & { readonly DecodingServices: never }

/**
 * Turns the rows of a query into what the row's schema says. A row that does not fit is a defect: nobody but this
 * program writes them.
 */
export const decodeRows = <S extends RowSchema>(row: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(row))
  return (rows: Effect.Effect<ReadonlyArray<unknown>>): Effect.Effect<ReadonlyArray<S["Type"]>> =>
    Effect.orDie(Effect.flatMap(rows, (rows) => decode(rows)))
}

/** The same for a query of one row or none. */
export const decodeRow = <S extends RowSchema>(row: S) => {
  const decode = decodeRows(row)
  return (found: Effect.Effect<unknown>): Effect.Effect<S["Type"] | undefined> =>
    decode(Effect.map(found, (found) => (found === undefined ? [] : [found]))).pipe(Effect.map((rows) => rows[0]))
}

export const TimeOrNull = Schema.NullOr(Schema.Int)
export const TextOrNull = Schema.NullOr(Schema.String)
