import { compileSoon } from "./platform/Compiler.ts"
import { args } from "./platform/Env.ts"
import { installSignals } from "./platform/Signals.ts"

if (args[0] === "--role=worker") {
  // A worker is started often and has users' memory to live in: it loads nothing of the rest.
  const { runWorker } = await import("./worker/Worker.ts")
  await runWorker()
} else if (args[0] === "--role=exec") {
  const { runExec } = await import("./platform/ExecRole.ts")
  await runExec()
} else if (args[0] === "--role=calls") {
  compileSoon()
  await import("./client/SyncThread.ts")
} else {
  installSignals()
  const { runCli } = await import("./cli/Cli.ts")
  await runCli()
}
