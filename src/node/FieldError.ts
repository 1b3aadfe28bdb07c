import { type Schema, SchemaIssue } from "effect"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The first thing wrong with a message, naming the field: `list.endpoints.3.port must be a whole number …`. */
export const fieldError = (error: Schema.SchemaError): string => {
  const [first] = format(error.issue).issues
  if (first === undefined) return error.message
  const path = (first.path ?? []).map(String).join(".")
  return path === "" ? first.message : `${path}: ${first.message}`
}
