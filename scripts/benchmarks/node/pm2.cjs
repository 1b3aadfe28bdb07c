// PM2's own client, for Node: reads requests as JSON lines, and answers each with one.
const { createInterface } = require("node:readline")
const pm2 = require("pm2")

const done = (act) => new Promise((resolve, reject) => act((error, value) => (error ? reject(error) : resolve(value))))

const requests = {
  connect: () => done((end) => pm2.connect(end)),
  start: (options) => done((end) => pm2.start(options, end)),
  stop: ({ name }) => done((end) => pm2.stop(name, end)),
  again: ({ name }) => done((end) => pm2.restart(name, end)),
  pids: async ({ name }) => {
    const all = await done((end) => pm2.describe(name, end))
    return all.map(({ pid }) => pid).filter((pid) => pid > 0)
  },
  end: () => done((end) => pm2.killDaemon(end)),
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
createInterface({ input: process.stdin }).on("line", (line) => {
  const [what, argument] = JSON.parse(line)
  requests[what](argument).then(
    (value) => say({ value: what === "pids" ? value : null }),
    (error) => say({ error: String(error && error.message ? error.message : error) }),
  )
})
