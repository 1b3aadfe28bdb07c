/** A JSON Schema (draft 2020-12), as far as one could be made. */
export type JsonSchema = Readonly<Record<string, unknown>>

export interface ParameterInfo {
  /** As the source names it, else `argument1`. */
  readonly name: string
  readonly optional: boolean
  readonly schema?: JsonSchema
}

/** What a service says of one of its methods. The built-in method `methods` answers a list of these. */
export interface MethodInfo {
  /** `function` or `Class.method`. */
  readonly name: string
  /** Takes any number of further arguments after these. */
  readonly parameters: ReadonlyArray<ParameterInfo>
  readonly rest: boolean
  /** `stream`: it is called for a stream of items. */
  readonly kind: "unary" | "stream"
  /** Calling it twice does no harm: a client may repeat it by itself. */
  readonly idempotent: boolean
  readonly output?: JsonSchema
  readonly description?: string
}

/** The parameters of a method as a person reads them: `name, limit?, ...`. */
export const parametersText = ({ parameters, rest }: Pick<MethodInfo, "parameters" | "rest">): string =>
  [...parameters.map(({ name, optional }) => `${name}${optional ? "?" : ""}`), ...(rest ? ["…"] : [])].join(", ")
