import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import mysql from "mysql2/promise"
import { issue, makeAuthority, makeRequest } from "../../src/platform/Certificates.ts"
import { waitFor } from "./waitFor.ts"

const user = "muster"
const password = "p@ss/w:rd"

type Server = {
  readonly port: number
  /** The file of the CA that its certificate, for 127.0.0.1 alone, is of. */
  readonly ca: string
  /** `mysql://…` of a new, empty database. */
  readonly freshDatabase: () => Promise<string>
}

const find = (program: string): string => {
  const found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))
  if (found === undefined)
    throw new Error(`${program} is missing: the store's tests need MariaDB (apt-get install mariadb-server)`)
  return found
}

// Descriptor 3 ends with this process, however that ends; then the server goes, and its data. The keeper is no child of
// this process: bun test kills the children of its parallel processes, and the keeper would leave the server behind.
const keeper = '{ "$@" 3<&- & pid=$!; cat <&3 > /dev/null; kill -KILL $pid; wait $pid 2> /dev/null; rm -rf "$0"; } &'

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const tail = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-8).join("\n") : "")

const certify = async (folder: string) => {
  const nowMs = Date.now()
  const authority = await makeAuthority({ nowMs })
  const request = await makeRequest("mariadb")
  const issued = await issue(authority, request.csr, { cn: "mariadb", addresses: ["127.0.0.1"], days: 1, nowMs })
  const paths = { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") }
  writeFileSync(paths.ca, authority.pem)
  writeFileSync(paths.cert, issued.pem)
  writeFileSync(paths.key, request.key)
  return paths
}

const begin = async (): Promise<Server> => {
  const mariadbd = find("mariadbd")
  const install = find("mariadb-install-db")
  const folder = mkdtempSync(join(tmpdir(), "muster-mariadb-"))
  const data = join(folder, "data")
  const socket = join(folder, "s.sock")
  const log = join(folder, "log")
  const owner = process.getuid?.() === 0 ? ["--user=root"] : []
  mkdirSync(data)
  execFileSync(
    install,
    [
      "--no-defaults",
      ...owner,
      `--datadir=${data}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      "--skip-name-resolve",
      // A host whose name nobody can resolve is good enough.
      "--force",
    ],
    { stdio: ["ignore", "ignore", openSync(log, "a")] },
  )
  const { ca, cert, key } = await certify(folder)
  const port = await freePort()
  const child = spawn(
    "sh",
    [
      "-c",
      keeper,
      folder,
      mariadbd,
      "--no-defaults",
      ...owner,
      `--datadir=${data}`,
      `--socket=${socket}`,
      `--pid-file=${join(folder, "pid")}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--ssl-ca=${ca}`,
      `--ssl-cert=${cert}`,
      `--ssl-key=${key}`,
      "--skip-name-resolve",
      "--character-set-server=utf8mb4",
      "--collation-server=utf8mb4_bin",
      "--innodb-buffer-pool-size=64M",
      "--innodb-log-file-size=16M",
      "--innodb-flush-log-at-trx-commit=0",
      "--skip-log-bin",
    ],
    // Its own group: Ctrl-C at the tests must not reach it before the keeper does.
    { stdio: ["ignore", openSync(log, "a"), openSync(log, "a"), "pipe"], detached: true },
  )
  child.unref()
  const connect = () => mysql.createConnection({ socketPath: socket, user: "root" })
  const query = async (...statements: ReadonlyArray<string>) => {
    const connection = await connect()
    for (const statement of statements) await connection.query(statement)
    await connection.end()
  }
  const answers = () =>
    query("select 1").then(
      () => true,
      () => false,
    )
  await waitFor(answers, { timeoutMs: 20_000, what: "MariaDB answers" }).catch((cause: unknown) => {
    throw new Error(`mariadbd does not start:\n${tail(log)}`, { cause })
  })
  await query(`create user '${user}'@'127.0.0.1' identified by '${password}'`)
  let databases = 0
  return {
    port,
    ca,
    freshDatabase: async () => {
      const name = `muster_${++databases}`
      await query(
        `create database ${name} character set utf8mb4 collate utf8mb4_bin`,
        `grant all on ${name}.* to '${user}'@'127.0.0.1'`,
      )
      return `mysql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${name}`
    },
  }
}

const key = Symbol.for("muster.test.mariadb")
const shared = globalThis as { [key]?: Promise<Server> }

/** A MariaDB of this test process alone, started once, with its own data, socket and port. */
export const mariadb = (): Promise<Server> => (shared[key] ??= begin())
