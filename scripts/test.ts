// Checks, build and tests in that order; fails unless Bun's own closing line was seen, which a test that ends the
// process would swallow together with every failure.
const root = `${import.meta.dirname}/..`

const step = (script: string) => {
  const { exitCode } = Bun.spawnSync([process.execPath, script], {
    cwd: root,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  })
  if (exitCode !== 0) process.exit(1)
}

const pass = async (stream: ReadableStream<Uint8Array>, sink: NodeJS.WriteStream) => {
  const decoder = new TextDecoder()
  let tail = ""
  for await (const chunk of stream) {
    sink.write(chunk)
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4096)
  }
  return tail
}

step("scripts/check.ts")
step("scripts/build.ts")

const chosen = process.argv.slice(2)
const child = Bun.spawn(
  [process.execPath, "test", "--parallel=2", "--timeout=60000", ...(chosen.length > 0 ? chosen : ["./test"])],
  {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  },
)
const [, tail, code] = await Promise.all([
  pass(child.stdout, process.stdout),
  pass(child.stderr, process.stderr),
  child.exited,
])

if (code !== 0) process.exitCode = 1
else if (!/\nRan \d+ tests? across \d+ files?\./.test(tail)) {
  console.error("scripts/test: the closing lines of bun test are missing: a test ended the process")
  process.exitCode = 1
}
