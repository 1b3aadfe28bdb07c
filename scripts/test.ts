// Checks, build and tests in that order; fails unless Bun's own closing line was seen, which a test that ends the
// process would swallow together with every failure.
//
// Hundreds of these tests start real processes and wait for what they do, so that one of three thousand may be late on a
// machine that is short of time. Up to three files that failed are run once more, alone, and are named as unsteady when
// they pass: to be mended, though not what the change at hand has broken.
const root = `${import.meta.dirname}/..`
const secondChances = 3

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
  let text = ""
  for await (const chunk of stream) {
    sink.write(chunk)
    text += decoder.decode(chunk, { stream: true })
  }
  return text
}

/** The files with a test that failed, in what bun test printed. */
const failedIn = (output: string): ReadonlyArray<string> => {
  const failed = new Set<string>()
  let file = ""
  for (const line of output.split("\n")) {
    if (/^\S+\.test\.tsx?:$/.test(line)) file = line.slice(0, -1)
    else if (/^\d+ tests? failed:$/.test(line)) break
    else if (line.startsWith("(fail) ")) failed.add(file)
  }
  return [...failed]
}

const run = async (...chosen: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, "test", "--timeout=60000", ...chosen], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [, output, code] = await Promise.all([
    pass(child.stdout, process.stdout),
    pass(child.stderr, process.stderr),
    child.exited,
  ])
  return {
    ok: code === 0,
    failed: failedIn(output),
    isWhole: /\nRan \d+ tests? across \d+ files?\./.test(output.slice(-4096)),
    // Of a file that could not even be loaded, or of what a test left behind.
    hasErrors: /^ \d+ errors?$/m.test(output.slice(-4096)),
  }
}

step("scripts/check.ts")
step("scripts/build.ts")

const chosen = process.argv.slice(2)
const { ok, failed, hasErrors, isWhole } = await run("--parallel=2", ...(chosen.length > 0 ? chosen : ["./test"]))
const fail = (reason: string) => {
  console.error(`scripts/test: ${reason}`)
  process.exitCode = 1
}

if (!isWhole) fail("the closing lines of bun test are missing: a test ended the process")
else if (!ok) {
  const canBeAskedAgain = !hasErrors && failed.length > 0 && failed.length <= secondChances
  if (!canBeAskedAgain) fail("tests failed")
  else {
    console.error(`\nscripts/test: once more, alone: ${failed.join(", ")}`)
    const again = await run(...failed.map((file) => `./${file}`))
    if (!again.ok || !again.isWhole) fail("tests failed twice")
    else console.error(`\nscripts/test: unsteady, failed at first and passed alone: ${failed.join(", ")}`)
  }
}
