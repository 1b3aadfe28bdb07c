import manifest from "../../package.json" with { type: "json" }

/** The version of this build, as `muster version` prints it. */
export const version: string = manifest.version
