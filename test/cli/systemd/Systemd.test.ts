import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { unitText } from "../../../src/cli/systemd/Unit.ts"
import { root } from "../../support/executable.ts"
import { run, temporaryFolder } from "../../support/muster.ts"

const systemd = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  run(["systemd", ...args], { runtime: "bun", cwd: root, env })

/** The settings of a unit, by name; the last one counts. */
const settingsOf = (unit: string) =>
  Object.fromEntries(
    unit
      .split("\n")
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  )

const unitOf = async (args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const { code, stdout } = await systemd(args, env)
  expect(code).toBe(0)
  return settingsOf(stdout)
}

const verifier = Bun.which("systemd-analyze")
const verified = verifier === null ? test.skip : test

const units = [
  { role: "node", flags: ["--listen=10.0.0.11:8821", "--join=https://10.0.0.10:8800"] },
  { role: "node", flags: ["--data=/srv/100% mine", `--name=it's $HOME "here"; x`] },
  { role: "manager", flags: [] },
  {
    role: "manager",
    flags: ["--data=/home/me/muster", "--database=mysql://muster@10.0.0.9/muster", "--user=daemon"],
  },
]

describe("systemd-analyze verify (where systemd is installed) accepts", () => {
  verified.each(units)("the unit of $role with $flags", async ({ flags, role }) => {
    using folder = temporaryFolder()
    const { code } = await systemd([`--role=${role}`, ...flags, "--install", `--unit-dir=${folder.path}`])
    expect(code).toBe(0)
    const child = Bun.spawnSync([verifier ?? "", "verify", join(folder.path, `muster-${role}.service`)])
    // It ends with 0 for settings that it does not know, and tells them.
    expect({ code: child.exitCode, said: `${child.stdout}${child.stderr}` }).toEqual({ code: 0, said: "" })
  })
})

describe("a node's unit", () => {
  test("tells systemd of itself, is told alone to stop, has longer than any drain, and binds no service", async () => {
    const unit = await unitOf(["--role=node"])
    expect(unit).toMatchObject({
      Type: "notify",
      NotifyAccess: "main",
      KillMode: "process",
      ExecReload: "/bin/kill -HUP $MAINPID",
      Restart: "always",
      OOMPolicy: "continue",
      LimitNOFILE: "1048576",
      TasksMax: "infinity",
      StateDirectory: "muster",
      EnvironmentFile: "-/etc/muster/node.env",
    })
    expect(Number(unit["TimeoutStopSec"])).toBeGreaterThan(35)
    expect(Number(unit["WatchdogSec"])).toBeGreaterThan(0)
    const binding = /^(?:Protect|Private|Restrict|NoNew|SystemCall|Capability|ReadWrite|MemoryDeny|User)/
    expect(Object.keys(unit).filter((name) => binding.test(name))).toEqual([])
  })

  test("has the flags that were given on the line, with paths as seen from here", async () => {
    const { ExecStart } = await unitOf(["--role=node", "--listen", "10.0.0.11:8821", "--data=./there", "--gateway=off"])
    expect(ExecStart).toEndWith(` --role=node --data=${root}/there --listen=10.0.0.11:8821 --gateway=off`)
  })

  test("has those of variables too, but for other roles", async () => {
    const { ExecStart } = await unitOf(["--role=node"], { MUSTER_LISTEN: "10.0.0.11:8821", MUSTER_DATABASE: "sqlite" })
    expect(ExecStart).toEndWith(" --role=node --listen=10.0.0.11:8821")
  })

  test("means by %, $, quotes and spaces what was typed", async () => {
    const { ExecStart } = await unitOf(["--role=node", `--name=100% "$HOME" \\ it's;`])
    expect(ExecStart).toEndWith(` "--name=100%% \\"$$HOME\\" \\\\ it's;"`)
  })
})

describe("a node's unit of another user than root", () => {
  test("puts the agent out of the way of groups with limits, as that user may ask systemd for no scope", async () => {
    expect(await unitOf(["--role=node", "--user=muster"])).toMatchObject({
      User: "muster",
      Delegate: "yes",
      DelegateSubgroup: "agent",
    })
    // A scope beside the unit does for root, also where systemd is older.
    expect(await unitOf(["--role=node"])).not.toHaveProperty("DelegateSubgroup")
  })
})

describe("--user-unit, for systemctl --user,", () => {
  const home = "/home/ann lee"
  const env = { HOME: home }

  test("has all of its places in the home of its user, and nothing that only the host's systemd knows", async () => {
    const { code, stdout } = await systemd(["--role=node", "--user-unit"], env)
    expect(code).toBe(0)
    const unit = settingsOf(stdout)
    expect(unit["ExecStart"]).toEndWith(` --role=node "--data=${home}/.local/state/muster"`)
    expect(unit).toMatchObject({
      EnvironmentFile: `-${home}/.config/muster/node.env`,
      WantedBy: "default.target",
      Type: "notify",
      KillMode: "process",
      Delegate: "yes",
    })
    const ofHost = /^(?:Wants|After|RequiresMountsFor|User|StateDirectory)=/m
    expect(stdout).not.toMatch(ofHost)
  })

  test("of a manager has no sandbox, which the systemd of a user can't make for certain", async () => {
    const unit = await unitOf(["--role=manager", "--user-unit"], env)
    expect(
      Object.keys(unit).filter((name) => /^(?:Protect|Private|Restrict|SystemCall|Capab|Ambient)/.test(name)),
    ).toEqual([])
    expect(unit).toMatchObject({ KillMode: "mixed", NoNewPrivileges: "true", WantedBy: "default.target" })
  })

  test("takes the data folder that was given, and the places that XDG variables name", async () => {
    const given = await systemd(["--role=node", "--user-unit", "--data=/srv/x"], { ...env, XDG_CONFIG_HOME: "/cfg%" })
    expect(given.stdout).toContain(" --data=/srv/x\n")
    expect(given.stdout).toContain("\nEnvironmentFile=-/cfg%%/muster/node.env\n")
    const state = await unitOf(["--role=node", "--user-unit"], { ...env, XDG_STATE_HOME: "/st" })
    expect(state["ExecStart"]).toEndWith(" --data=/st/muster")
  })

  test("is written where systemctl --user looks for it, and it is said what to type", async () => {
    using folder = temporaryFolder()
    const { code, stdout } = await systemd(
      ["--role=node", "--user-unit", "--join=https://10.0.0.10:8800", "--install"],
      { HOME: folder.path },
    )
    const file = join(folder.path, ".config/systemd/user/muster-node.service")
    const secrets = join(folder.path, ".config/muster/node.env")
    expect({ code, isThere: existsSync(file) }).toEqual({ code: 0, isThere: true })
    expect(stdout.replace(/\$\{EDITOR[^\n]*\n {2}/, "")).toBe(
      [
        `Wrote ${file}`,
        "Next:",
        `  install -D -m 600 /dev/null ${secrets}`,
        "  systemctl --user daemon-reload",
        "  systemctl --user enable --now muster-node",
        "  loginctl enable-linger   # so that it runs from the boot on, and after a logout",
        `  export MUSTER_DATA=${folder.path}/.local/state/muster   # for the other commands`,
        "",
      ].join("\n"),
    )
  })
})

describe("a manager's unit", () => {
  const unit = (data: string, reads: ReadonlyArray<string> = []) =>
    settingsOf(
      unitText({
        role: "manager",
        command: ["/usr/local/bin/muster", "--role=manager", `--data=${data}`],
        data,
        reads,
        user: undefined,
      }),
    )

  test("is bound to its data folder, and may still compile JavaScript", () => {
    const bound = unit("/var/lib/muster")
    expect(bound).toMatchObject({
      Type: "notify",
      NotifyAccess: "main",
      KillMode: "mixed",
      Restart: "always",
      NoNewPrivileges: "true",
      ProtectSystem: "strict",
      ProtectHome: "true",
      PrivateTmp: "true",
      StateDirectory: "muster",
      RestrictAddressFamilies: "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    })
    expect(bound).not.toHaveProperty("ReadWritePaths")
    expect(bound).not.toHaveProperty("MemoryDenyWriteExecute")
  })

  test("can write to a data folder that is elsewhere, and reach what lies in homes and in /tmp", () => {
    const elsewhere = unit("/tmp/my data")
    expect(elsewhere).toMatchObject({ ReadWritePaths: '"/tmp/my data"', PrivateTmp: "false", ProtectHome: "true" })
    expect(elsewhere).not.toHaveProperty("StateDirectory")
    expect(unit("/var/lib/a/b")).toMatchObject({ StateDirectory: "a/b" })
    expect(unit("/var/lib/muster", ["/root/key.pem"])).toMatchObject({ ProtectHome: "read-only", PrivateTmp: "true" })
  })

  test("of another user keeps only the right to a port below 1024", async () => {
    expect(await unitOf(["--role=manager", "--user=muster"])).toMatchObject({
      User: "muster",
      AmbientCapabilities: "CAP_NET_BIND_SERVICE",
      CapabilityBoundingSet: "CAP_NET_BIND_SERVICE",
    })
  })
})

test("each setting that does not explain itself has its reason above it", async () => {
  for (const role of ["node", "manager"]) {
    const { stdout } = await systemd([`--role=${role}`])
    const lines = stdout.split("\n")
    for (const name of ["Type", "NotifyAccess", "EnvironmentFile", "WatchdogSec", "KillMode", "TimeoutStopSec"]) {
      expect(lines[lines.findIndex((line) => line.startsWith(`${name}=`)) - 1]).toStartWith("# ")
    }
  }
})

describe("secrets", () => {
  const given = {
    node: ["--join=https://10.0.0.10:8800", "--token=mst_topsecret", "--gateway-token=topsecret-0123456789"],
    manager: ["--database=mysql://muster:topsecret@10.0.0.9/muster"],
  }
  for (const [role, flags] of Object.entries(given)) {
    test(`of a ${role} are not in its unit, and it is said where they belong`, async () => {
      const { output, stdout } = await systemd([`--role=${role}`, ...flags])
      expect(output).not.toContain("topsecret")
      expect(stdout).toContain(`EnvironmentFile=-/etc/muster/${role}.env`)
      expect(output).toContain(`Not in the unit, for /etc/muster/${role}.env: MUSTER_`)
      using folder = temporaryFolder()
      const written = await systemd([`--role=${role}`, ...flags, "--install", `--unit-dir=${folder.path}`])
      expect(written.output).not.toContain("topsecret")
      expect(written.stdout).toContain(`install -D -m 600 /dev/null /etc/muster/${role}.env\n`)
      expect(readFileSync(join(folder.path, `muster-${role}.service`), "utf8")).not.toContain("topsecret")
    })
  }

  test("in variables stay there", async () => {
    const { output } = await systemd(["--role=node"], { MUSTER_TOKEN: "mst_topsecret" })
    expect(output).not.toContain("topsecret")
  })

  test("a database without a password is none", async () => {
    const { ExecStart } = await unitOf(["--role=manager", "--database=mysql://muster@10.0.0.9/muster"])
    expect(ExecStart).toContain("--database=mysql://muster@10.0.0.9/muster")
  })
})

describe("--install", () => {
  test("writes the unit that it would print, whole, and says what to type next", async () => {
    using folder = temporaryFolder()
    const { stdout: printed } = await systemd(["--role=node"])
    const { code, stdout } = await systemd(["--role=node", "--install", `--unit-dir=${folder.path}`])
    const file = join(folder.path, "muster-node.service")
    expect({ code, text: readFileSync(file, "utf8"), mode: statSync(file).mode & 0o777 }).toEqual({
      code: 0,
      text: printed,
      mode: 0o644,
    })
    expect(readdirSync(folder.path)).toEqual(["muster-node.service"])
    expect(stdout).toBe(`Wrote ${file}\nNext:\n  systemctl daemon-reload\n  systemctl enable --now muster-node\n`)
  })

  test("has the data folder made first where systemd would refuse to start without it", async () => {
    using folder = temporaryFolder()
    const data = join(folder.path, "its data")
    const { stdout } = await systemd(["--role=manager", `--data=${data}`, "--install", `--unit-dir=${folder.path}`])
    expect(stdout).toContain(`Next:\n  install -d '${data}'\n  systemctl daemon-reload\n`)
  })

  test("leaves a unit that differs alone, and replaces it with --force; one that is the same is fine", async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, "muster-node.service")
    const write = (...flags: ReadonlyArray<string>) =>
      systemd(["--role=node", "--install", `--unit-dir=${folder.path}`, ...flags])
    writeFileSync(file, "[Unit]\nDescription=mine\n")
    const refused = await write()
    expect(refused.code).toBe(1)
    expect(refused.output).toContain(`${file} is there and differs: --force replaces it`)
    expect(readFileSync(file, "utf8")).toBe("[Unit]\nDescription=mine\n")
    const forced = await write("--force")
    expect(forced.code).toBe(0)
    expect(forced.stdout).toContain(`Replaced ${file}\n`)
    expect(forced.stdout).toContain("systemctl restart muster-node")
    expect((await write()).stdout).toContain(`Already as it should be: ${file}\n`)
  })

  test("takes a unit that was masked for one that differs", async () => {
    using folder = temporaryFolder()
    symlinkSync("/dev/null", join(folder.path, "muster-node.service"))
    expect((await systemd(["--role=node", "--install", `--unit-dir=${folder.path}`])).code).toBe(1)
  })

  test("into a folder that is not there says so, and makes none", async () => {
    using folder = temporaryFolder()
    const missing = join(folder.path, "system")
    const { code, output } = await systemd(["--role=node", "--install", `--unit-dir=${missing}`])
    expect(code).toBe(1)
    expect(output).toMatch(/^muster: Cannot write [^\n]*--unit-dir writes it elsewhere\n$/)
    expect(existsSync(missing)).toBe(false)
  })
})

describe("a mistake gives one line and exit code 2:", () => {
  test.each([
    [[], "--role is missing: give node or manager"],
    [["--role=standalone"], `--role is "standalone", expected node or manager`],
    [["--role=node", "--database=sqlite"], "--database is for --role=manager and --role=standalone only"],
    [["--role=manager", "--tls-cert=/x"], "--tls-key is missing"],
    [["--role=node", "--user=Not A User"], "--user is"],
    [["--role=node", "--user=ann", "--user-unit"], "--user is for a unit of the host"],
    [["--role=node", "--name=two\nlines"], "--name has a line end in it"],
  ])("%j", async (args, message) => {
    const { code, output } = await systemd(args)
    expect(code).toBe(2)
    expect(output).toStartWith("muster: ")
    expect(output).toContain(message)
    expect(output.trim()).not.toContain("\n")
  })
})
