// The program that PM2 and supervisord run: answers on PORT with what it was sent.
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => undefined)
  socket.on("data", (bytes) => socket.write(bytes))
})
server.listen(Number(process.env.PORT), "127.0.0.1")
process.on("SIGINT", () => process.exit(0))
process.on("SIGTERM", () => process.exit(0))
