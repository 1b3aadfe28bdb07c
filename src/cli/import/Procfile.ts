import { type Imported, ImportFailed, type Surroundings, type Warning } from "./Program.ts"

const line = /^([A-Za-z0-9_-]+):\s*(.+)$/

const warningsOf = (program: string, shell: string): ReadonlyArray<Warning> => [
  ...(/\$\{?PORT\b/.test(shell)
    ? [{ program, key: "PORT", message: `it asks for a port: give one with --port ${program}=PORT` }]
    : []),
  ...(program === "release"
    ? [
        {
          program,
          key: "release",
          message: "it would run all the time: a cron task, or a command by hand, may be meant",
        },
      ]
    : []),
]

/** The process types of a Procfile: each is a shell's line, run in the file's folder. */
export const fromProcfile = (text: string, { exists, folder }: Surroundings): Imported => {
  const found = text.split(/\r?\n/).flatMap((raw, index) => {
    if (raw.trim() === "" || raw.trimStart().startsWith("#")) return []
    const [, name, shell] = line.exec(raw.trim()) ?? []
    if (name === undefined || shell === undefined) throw new ImportFailed(`line ${index + 1}: expected NAME: COMMAND`)
    return [{ name, shell }]
  })
  const envFile = `${folder}/.env`
  return {
    programs: found.map(({ name, shell }) => ({
      name,
      spec: { kind: "command", command: { shell }, cwd: folder, ...(exists(envFile) ? { envFile } : {}) },
    })),
    warnings: found.flatMap(({ name, shell }) => warningsOf(name, shell)),
  }
}
