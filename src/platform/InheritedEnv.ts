import process from "node:process"

const dropped =
  /^(?:MUSTER_|BUN_|NODE_|LISTEN_(?:PID|FDS|FDNAMES|PIDFDID)$|NOTIFY_SOCKET$|WATCHDOG_(?:USEC|PID)$|INVOCATION_ID$|JOURNAL_STREAM$|SYSTEMD_EXEC_PID$)/

/** Our environment without what is meant for us alone (tokens, runtime options, what systemd says to its unit), for a program that isn't ours. */
export const inheritedEnv = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !dropped.test(entry[0]),
    ),
  )
