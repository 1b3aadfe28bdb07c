import { readFileSync } from "node:fs"
import { CompiledQuery, type Dialect, MysqlDialect } from "kysely"
import { createPool, type PoolOptions } from "mysql2"
import { isLoopback } from "../domain/Loopback.ts"

/** The URL of the database is unusable. The message never holds the URL: a password is in it. */
export class MysqlUrlError extends Error {}

const shape = "mysql://USER:PASSWORD@HOST:PORT/DATABASE[?tls=verify|off][&ca=FILE]"

const readCa = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new MysqlUrlError(`The file ${file} that the database URL names as ca= can't be read`, { cause })
  }
}

const tlsOptions = (url: URL, host: string): Pick<PoolOptions, "ssl"> => {
  const ca = url.searchParams.get("ca")
  const mode = url.searchParams.get("tls") ?? (ca === null ? undefined : "verify")
  if (mode === undefined && !isLoopback(host))
    throw new MysqlUrlError(
      `The database is on another host (${host}): add ?tls=verify to its URL (and &ca=FILE for a CA of your own), or ?tls=off to send everything in the clear`,
    )
  if (mode !== undefined && mode !== "verify" && mode !== "off")
    throw new MysqlUrlError(`tls=${mode} in the database URL: it can be verify or off`)
  return mode === "verify" ? { ssl: { verifyIdentity: true, ...(ca === null ? {} : { ca: readCa(ca) }) } } : {}
}

const poolOptions = (text: string): PoolOptions => {
  if (!URL.canParse(text)) throw new MysqlUrlError(`The database URL must look like ${shape}`)
  const url = new URL(text)
  const unknown = [...url.searchParams.keys()].find((name) => name !== "tls" && name !== "ca")
  if (unknown !== undefined)
    throw new MysqlUrlError(`The database URL has an unknown parameter ${unknown}: it must look like ${shape}`)
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const database = decodeURIComponent(url.pathname.slice(1))
  if (host === "" || database === "" || url.username === "")
    throw new MysqlUrlError(`The database URL must name user, host and database: ${shape}`)
  return {
    host,
    port: url.port === "" ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    ...tlsOptions(url, host),
  }
}

/** `host:port/database` of a URL: what logs and errors may show of it. */
export const mysqlPlace = (text: string): string => {
  const { host, port, database } = poolOptions(text)
  return `${host}:${port}/${database}`
}

/** A pool of connections; nothing is connected before the first query. Throws MysqlUrlError. */
export const mysqlDialect = (text: string): Dialect => {
  const pool = createPool({
    ...poolOptions(text),
    connectionLimit: 10,
    connectTimeout: 10_000,
    charset: "utf8mb4_bin",
    timezone: "Z",
    supportBigNumbers: true,
    jsonStrings: true,
  })
  return new MysqlDialect({
    pool,
    onCreateConnection: async (connection) => {
      // Values that don't fit are refused, as SQLite's checks do; each statement of a transaction sees what was
      // committed before it, so a check made after taking a lock is made on the newest rows.
      await connection.executeQuery(
        CompiledQuery.raw("set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"),
      )
      await connection.executeQuery(CompiledQuery.raw("set session transaction isolation level read committed"))
    },
  })
}
