import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { errorCodes, isErrorCode } from "../../../src/domain/ErrorCode.ts"
import { httpStatus } from "../../../src/node/gateway/HttpStatus.ts"
import { root } from "../../support/executable.ts"

/** What docs/operations.md says: the rows of its table have two columns of statuses, and a code in backquotes. */
const documented = () => {
  const text = readFileSync(join(root, "docs/operations.md"), "utf8")
  const [, table = ""] = /\n(\| status \| code .*?)\n\n/s.exec(text) ?? []
  return Object.fromEntries(
    [...table.matchAll(/\| (\d{3}) +\| ([^|]*)/g)].flatMap(([, status, codes = ""]) =>
      [...codes.matchAll(/`(\w+)`/g)].flatMap(([, code]) => (isErrorCode(code) ? [[code, Number(status)]] : [])),
    ),
  )
}

test("each error code is answered with the status that the manual gives", () => {
  expect(Object.keys(documented()).toSorted()).toEqual([...errorCodes].toSorted())
  expect(documented()).toEqual(httpStatus)
})
