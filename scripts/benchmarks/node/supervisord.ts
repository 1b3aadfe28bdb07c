import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../rpc/peers/Peer.ts"
import { echo, type Rival, sleep } from "./Rival.ts"

const here = import.meta.dirname

const value = (text: string) => `<param><value>${text}</value></param>`
const text = (content: string) => value(`<string>${content}</string>`)
const no = value("<boolean>0</boolean>")

/** Debian's supervisord, asked by XML-RPC; each program listens by itself, so it has one process. */
export const supervisord = async (): Promise<Rival> => {
  const home = mkdtempSync(join(tmpdir(), "muster-bench-supervisord-"))
  const control = await freePort()
  const file = join(home, "supervisord.conf")
  const programs: Array<string> = []
  const write = () =>
    writeFileSync(
      file,
      [
        `[supervisord]\nnodaemon=true\nlogfile=${home}/log\npidfile=${home}/pid\nchildlogdir=${home}\nuser=root`,
        `[inet_http_server]\nport=127.0.0.1:${control}`,
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ...programs,
      ].join("\n\n"),
    )
  write()
  const daemon = spawn("supervisord", ["-c", file], { stdio: "ignore" })
  const ask = async (method: string, ...parameters: ReadonlyArray<string>) => {
    const body = `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${parameters.join("")}</params></methodCall>`
    const answer = await fetch(`http://127.0.0.1:${control}/RPC2`, { method: "POST", body })
    const told = await answer.text()
    if (told.includes("<fault>")) throw new Error(`supervisord, ${method}: ${told}`)
    return told
  }
  for (let tries = 0; ; tries++) {
    try {
      await ask("supervisor.getState")
      break
    } catch (error) {
      if (tries > 100) throw error
      await sleep(100)
    }
  }
  return {
    name: "supervisord",
    daemon: daemon.pid ?? 0,
    add: async (name, port) => {
      programs.push(
        `[program:${name}]\ncommand=node ${join(here, "echo.cjs")}\nenvironment=PORT="${port}"\nautostart=false\nautorestart=true`,
      )
      write()
      await ask("supervisor.reloadConfig")
      await ask("supervisor.addProcessGroup", text(name))
    },
    start: async (name) => void (await ask("supervisor.startProcess", text(name), no)),
    stop: async (name) => void (await ask("supervisor.stopProcess", text(name), value("<boolean>1</boolean>"))),
    pids: async (name) => {
      const told = await ask("supervisor.getProcessInfo", text(name))
      const pid = Number(/<name>pid<\/name>\s*<value><int>(\d+)/.exec(told)?.[1] ?? 0)
      return pid === 0 ? [] : [pid]
    },
    call: (port) => echo("127.0.0.1", port),
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => daemon.once("exit", resolve))
      daemon.kill("SIGTERM")
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
}
