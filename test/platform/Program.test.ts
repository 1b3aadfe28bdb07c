import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { boundPort, closeFd, openSlot } from "../../src/platform/ListenSocket.ts"
import { type ProgramOptions, spawnProgram } from "../../src/platform/Program.ts"
import { processRow } from "../../src/platform/ProcessTable.ts"
import { denoPath, root } from "../support/executable.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const isRoot = process.getuid?.() === 0
const starter = join(root, "test/platform/fixtures/program.ts")
const runtimes = {
  bun: [process.execPath, starter],
  deno: [denoPath(), "run", "-A", "-q", "--unstable-net", "--unstable-sloppy-imports", starter],
}
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
  chmodSync(folder.path, 0o755)
})
afterEach(() => folder[Symbol.dispose]())

type Options = Partial<ProgramOptions>

/** What a process on `runtime` that is not this one says when it starts the program. `within`: by what it is run itself. */
const tell = async (options: Options, o: { runtime?: keyof typeof runtimes; within?: ReadonlyArray<string> } = {}) => {
  const words = [...(o.within ?? []), ...runtimes[o.runtime ?? "bun"], JSON.stringify({ env: {}, ...options })]
  const child = Bun.spawn(words, { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "inherit" })
  return (await new Response(child.stdout).text()).trim().split("\n")
}
const shell = (line: string) => ({ command: { shell: line } })

/** Starts it from this process, and gives what it printed. */
const run = async (options: Options) => {
  const out = join(folder.path, `out-${Math.random()}`)
  const file = Bun.file(out)
  await Bun.write(file, "")
  const { openSync, closeSync } = await import("node:fs")
  const fd = openSync(out, "a")
  try {
    const child = await spawnProgram({ command: { shell: ":" }, env: {}, ...options, out: fd, err: fd })
    const exit = await new Promise((resolve) => child.onExit(resolve))
    return { exit, child, lines: readFileSync(out, "utf8").trim().split("\n") }
  } finally {
    closeSync(fd)
  }
}
const refusal = async (options: Options) =>
  await run(options).then(
    () => "it ran",
    (error: Error) => error.message,
  )

test("words reach the program as they are, and a shell line is a shell's", async () => {
  const argv = ["printf", "%s\n", "two words", "$HOME", "*", ""] as const
  expect((await run({ command: { argv } })).lines).toEqual(["two words", "$HOME", "*"])
  expect((await run(shell("echo $((1 + 1)) | cat; exit 7"))).lines).toEqual(["2"])
  expect((await run(shell("exit 7"))).exit).toEqual({ code: 7, signal: null })
})

test("its own variables go before those of the file, and those before ours", async () => {
  const envFile = join(folder.path, "vars")
  writeFileSync(envFile, "# of the service\nexport A='from file'\nB=from file\n")
  process.env["MUSTER_TOKEN"] = "secret"
  process.env["C"] = "from us"
  try {
    const { lines } = await run({
      ...shell("echo $A; echo $B; echo $C; echo $MUSTER_TOKEN."),
      env: { B: "own" },
      envFile,
    })
    expect(lines).toEqual(["from file", "own", "from us", "."])
  } finally {
    delete process.env["MUSTER_TOKEN"]
    delete process.env["C"]
  }
})

test("its mark is in its environment and nobody's variable can replace it", async () => {
  const { lines } = await run({ ...shell("echo $MUSTER_RUN"), env: { MUSTER_RUN: "forged" }, run: "k/s/0/r" })
  expect(lines).toEqual(["k/s/0/r"])
})

describe.each(Object.keys(runtimes) as ReadonlyArray<keyof typeof runtimes>)("on %s", (runtime) => {
  test.skipIf(!isRoot)("a user's program has its groups, its variables, and nothing of ours", async () => {
    const etc = join(folder.path, "etc")
    mkdirSync(etc)
    const users = "root:x:0:0::/root:/bin/sh\nweb:x:4101:4100:Web:/srv:/bin/dash\nplain:x:4102:4100::/nowhere:\n"
    writeFileSync(join(etc, "passwd"), users)
    writeFileSync(join(etc, "group"), "root:x:0:\nweb:x:4100:\nlogs:x:4200:web\ndocker:x:4300:web,plain\n")
    const bind = `mount --bind ${etc}/passwd /etc/passwd && mount --bind ${etc}/group /etc/group && exec "$@"`
    const within = ["unshare", "--mount", "sh", "-c", bind, "sh"]
    const who = shell("id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL; pwd; cat /proc/self/status | grep CapEff")
    const [uid, gid, groups, variables, cwd, capabilities] = await tell({ ...who, user: "web" }, { runtime, within })
    expect([uid, gid, groups, variables, cwd]).toEqual([
      "4101",
      "4100",
      "4100 4200 4300",
      "/srv web web /bin/dash",
      "/srv",
    ])
    expect(capabilities).toMatch(/:\s+0+$/)
    const other = await tell({ ...who, user: "4102", group: "logs" }, { runtime, within })
    expect(other.slice(0, 5)).toEqual(["4102", "4200", "4200 4300", "/nowhere plain plain /bin/sh", "/"])
    const group = await tell({ ...shell("id -u; id -g"), group: "4999" }, { runtime, within })
    expect(group.slice(0, 2)).toEqual(["0", "4999"])
  })

  test.skipIf(!isRoot)("a number that no user has needs a group, and nothing becomes root by accident", async () => {
    const { command } = shell("id -u; id -g; id -G")
    expect((await tell({ command, user: "41041", group: "41042" }, { runtime })).slice(0, 3)).toEqual([
      "41041",
      "41042",
      "41042",
    ])
    const refusals = [
      [{ user: "41041" }, "user 41041: this host has no user of that number, so its group must be given too"],
      [{ user: "nosuchuser" }, "user nosuchuser: this host has no such user"],
      [{ user: "NaN" }, "user NaN: this host has no such user"],
      [{ user: "4294967295", group: "1" }, "user 4294967295: this host has no such user"],
      [{ user: "9999999999", group: "1" }, "user 9999999999: this host has no such user"],
      [{ user: "nobody", group: "nosuchgroup" }, "group nosuchgroup: this host has no such group"],
      [{ user: "nobody", group: "4294967295" }, "group 4294967295: this host has no such group"],
    ] as const
    for (const [who, reason] of refusals)
      expect(await tell({ command, ...who }, { runtime })).toEqual([`REFUSED ${reason}`])
  })

  test("umask, nice, limits and the socket are set in the process that the program runs in", async () => {
    const line =
      "umask; nice; ulimit -n; ulimit -Hn; ulimit -c; echo $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES $$; ls /proc/$$/fd"
    const sockets = [{ fd: 1, name: "http" }]
    const rlimits = { nofile: 123, core: 0 }
    const lines = await tell({ ...shell(line), umask: "027", nice: 7, rlimits, sockets }, { runtime })
    const { exit, pid } = JSON.parse(lines.pop() ?? "") as { pid: number; exit: unknown }
    expect(exit).toEqual({ code: 0, signal: null })
    expect(lines.slice(0, 6)).toEqual(["0027", "7", "123", "123", "0", `${pid} 1 http ${pid}`])
    expect(lines.slice(6)).toEqual(["0", "1", "2", "3"])
  })

  test.skipIf(!isRoot)("another user is refused when we are not root, and our own is not", async () => {
    const o = { runtime, within: nobody }
    const { command } = shell("id -u; nice")
    const reason = "only root may run a program as another user, and the agent runs as user 65534"
    // A runtime that keeps things in its user's home has none here.
    if (runtime === "deno") return
    expect(await tell({ command, user: "daemon" }, o)).toEqual([`REFUSED user daemon: ${reason}`])
    expect(await tell({ command, user: "0" }, o)).toEqual([`REFUSED user 0: ${reason}`])
    expect((await tell({ command, user: "nobody", nice: 3 }, o)).slice(0, 2)).toEqual(["65534", "3"])
    expect(await tell({ command, nice: -5 }, o)).toEqual(["REFUSED nice -5: is not permitted"])
    expect(await tell({ command, rlimits: { nofile: 2 ** 40 } }, o)).toEqual([
      "REFUSED rlimits.nofile 1099511627776: is not permitted",
    ])
  })

  test("a program that a real-time signal has killed is told as that", async () => {
    const [line = ""] = await tell(shell("kill -35 $$"), { runtime })
    expect((JSON.parse(line) as { exit: unknown }).exit).toEqual({ code: null, signal: "SIGRTMIN+1" })
  })
})

test("nothing that a service's user may write can make us run its code with our rights", async () => {
  const evil = join(folder.path, "evil.ts")
  writeFileSync(evil, `require("node:fs").writeFileSync(${JSON.stringify(join(folder.path, "done"))}, "")`)
  const envFile = join(folder.path, "vars")
  const preload = `BUN_OPTIONS="--preload ${evil}"\nNODE_OPTIONS="--require ${evil}"\nLD_PRELOAD=${evil}\n`
  writeFileSync(envFile, preload)
  const { lines } = await run({ command: { argv: ["/bin/echo", "ran"] }, envFile, nice: 1 })
  expect(lines.at(-1)).toBe("ran")
  expect(await Bun.file(join(folder.path, "done")).exists()).toBe(false)
})

test("the process that is prepared is the program's own: pid and time of start stay", async () => {
  const { child, lines } = await run({ ...shell("cat /proc/$$/stat"), nice: 1 })
  expect(lines[0]?.startsWith(`${child.identity.pid} (sh)`)).toBe(true)
  expect(lines[0]?.split(") ")[1]?.split(" ")[19]).toBe(child.identity.startTime)
})

test("a listening socket is passed on, and accepts", async () => {
  const fd = await openSlot({ ip: "127.41.0.1", port: 0, backlog: 8 })
  const port = await boundPort(fd)
  const script = join(folder.path, "serve.js")
  writeFileSync(
    script,
    `require("node:net").createServer((s) => { s.end(process.env.LISTEN_PID === String(process.pid) ? "mine" : "not mine"); process.exitCode = 0; setTimeout(() => process.exit(), 100) }).listen({ fd: 3 })`,
  )
  const ran = run({ command: { argv: [process.execPath, script] }, sockets: [{ fd, name: "web" }] })
  const text = await waitFor(
    () =>
      new Promise<string>((resolve, reject) => {
        const socket = Bun.connect({
          hostname: "127.41.0.1",
          port,
          socket: { data: (_, data) => resolve(data.toString()), connectError: (_, error) => reject(error) },
        })
        socket.catch(reject)
      }),
  )
  expect(text).toBe("mine")
  await ran
  await closeFd(fd)
})

describe.each([
  ["directly", {}],
  ["prepared", { nice: 1 }],
])("started %s, what can't be had is named in one sentence, and nothing runs", (_, how) => {
  test("the folder", async () => {
    const cwd = join(folder.path, "nowhere")
    expect(await refusal({ ...how, cwd })).toBe(`cwd ${cwd} does not exist`)
    expect(await refusal({ ...how, cwd: "/etc/passwd" })).toBe("cwd /etc/passwd is not a folder")
  })

  test("the program", async () => {
    const text = join(folder.path, "text")
    writeFileSync(text, "no program\n")
    const file = (argv: string) => refusal({ ...how, command: { argv: [argv] } })
    expect(await file("/nonexistent/x")).toBe("command /nonexistent/x does not exist")
    expect(await file(text)).toBe(`command ${text} may not be executed by its user`)
    expect(await file("/tmp")).toBe("command /tmp is a folder")
    expect(await file("nosuchprogram")).toMatch(/^command nosuchprogram is in no folder of PATH, \//)
    chmodSync(text, 0o755)
    expect(await file(text)).toMatch(/^command .*text is no program: /)
    writeFileSync(text, "#!/nonexistent/interpreter\n")
    expect(await file(text)).toBe(`command ${text} does not exist`)
    const words = ["/bin/true", "x".repeat(3_000_000)] as const
    expect(await refusal({ ...how, command: { argv: words } })).toMatch(
      /^command \/bin\/true can't be started: its arguments/,
    )
  })

  test("the file of variables", async () => {
    const envFile = join(folder.path, "vars")
    expect(await refusal({ ...how, envFile })).toBe(`envFile ${envFile} does not exist`)
    writeFileSync(envFile, "A=1\nPASSWORD hunter2\n")
    expect(await refusal({ ...how, envFile })).toBe(`envFile ${envFile}: line 2 has no =, expected NAME=value`)
  })
})

test("a name of a variable or a word with a NUL character is refused", async () => {
  expect(await refusal({ command: { argv: ["echo", "a\0b"] } })).toBe("command has a NUL character")
  expect(await refusal({ env: { A: "a\0b" } })).toBe("env.A has a NUL character")
})

test("what a program started and left behind is still in its tree", async () => {
  const { child } = await run({
    ...shell("(trap '' TERM; setsid sleep 410510) & exit 0"),
    run: `test/${process.pid}/0/left`,
  })
  const left = await waitFor(() => child.tree.sweep().find((row) => row.command === "sleep 410510"))
  child.tree.signal("SIGTERM")
  expect(processRow(left.pid)?.is(left.identity)).toBe(true)
  expect(await child.tree.end(10_000)).toEqual([])
  expect(processRow(left.pid)?.hasEnded ?? true).toBe(true)
})

test.skipIf(!isRoot)("a stranger that got the pid of a child of ours is never signalled", async () => {
  const reuse = join(root, "test/platform/fixtures/reuse.ts")
  const words = ["unshare", "--pid", "--fork", "--mount-proc", process.execPath, reuse]
  const child = Bun.spawn(words, { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "inherit" })
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
    isReused: true,
    tree: 0,
    signalled: [false, false, false, false],
    left: 0,
    strangerLives: true,
  })
})
