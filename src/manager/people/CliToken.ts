import { Context, Effect, Layer, Redacted } from "effect"
import { makeFolder, readText, writeDurably } from "../../platform/DurableFile.ts"
import { timingSafeEqualText } from "../../platform/Hash.ts"
import { randomToken } from "../../platform/Ids.ts"

/** Where the token is, so that the command line on the same host finds it. */
export const cliTokenPath = (dataDir: string) => `${dataDir}/manager/cli-token`

const tokenLength = 43

const make = Effect.fnUntraced(function* (dataDir: string) {
  const path = cliTokenPath(dataDir)
  const kept = (yield* Effect.promise(() => readText(path)))?.trim()
  // A file that was cut or emptied would be a token that anybody can guess.
  const token = kept !== undefined && kept.length >= tokenLength ? kept : randomToken(32)
  if (token !== kept)
    yield* Effect.promise(async () => {
      await makeFolder(`${dataDir}/manager`)
      await writeDurably(path, `${token}\n`, 0o600)
    })
  return CliToken.of({
    token: Redacted.make(token),
    matches: (text) => timingSafeEqualText(text, token),
  })
})

/**
 * The bearer token of the command line: who may read the manager's data folder may use the API. Made at the first
 * start, in a file that only its owner reads.
 */
export class CliToken extends Context.Service<
  CliToken,
  {
    readonly token: Redacted.Redacted<string>
    readonly matches: (text: string) => boolean
  }
>()("muster/manager/people/CliToken") {
  static readonly layer = (dataDir: string) => Layer.effect(CliToken, make(dataDir))
}
