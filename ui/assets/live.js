// The stream of the page: whether it is connected, and where the focus goes when the page changes.

const patienceMs = 1500

/** Told from the first failure on: a timer that each retry restarts would never end. */
let timer = 0

const show = (connected) => {
  const sign = document.getElementById("live")
  if (!sign) return
  sign.classList.toggle("live-off", !connected)
  sign.querySelector("span").textContent = connected ? sign.dataset.on : sign.dataset.off
}

const connected = () => {
  clearTimeout(timer)
  timer = 0
  show(true)
}

const lost = () => {
  if (timer === 0) timer = setTimeout(() => show(false), patienceMs)
}

document.addEventListener("htmx:sse:after:connection", connected)
document.addEventListener("htmx:sse:error", ({ detail }) => {
  // The session ended, or what the page shows was deleted, while it was not connected: the page itself says so.
  if (detail.status === 401 || detail.status === 404) location.reload()
  else lost()
})
document.addEventListener("htmx:sse:before:connection", ({ detail }) => {
  if (detail.connection.attempt > 0 && !document.hidden) lost()
})

/* The manager ends the stream of a session that is over: the page is asked for again, and leads to the login. */
document.addEventListener("session-ended", () => location.reload())

/* After a link the new content has the focus, so that Tab and screen readers start there. */
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx?.request?.headers?.["HX-Boosted"]) document.getElementById("main")?.focus({ preventScroll: true })
})
