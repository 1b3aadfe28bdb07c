// Toasts: each goes by itself, later when it is bad or offers something; pointing at one holds it.

const shownMs = { plain: 6000, long: 12_000, afterHover: 3000 }
const shownMax = 4
/** An Undo in a toast has to be sent before its toast is gone. */
const dismissMs = 50

const arm = (toast) => {
  toast.dataset.armed = ""
  for (const old of [...document.querySelectorAll("[data-armed]")].slice(0, -shownMax)) old.remove()
  const leave = (ms) => setTimeout(() => toast.remove(), ms)
  const offers = toast.querySelectorAll("button").length > 1
  let timer = leave(toast.dataset.toast === "bad" || offers ? shownMs.long : shownMs.plain)
  const hold = () => clearTimeout(timer)
  const release = () => (timer = leave(shownMs.afterHover))
  toast.addEventListener("pointerenter", hold)
  toast.addEventListener("focusin", hold)
  toast.addEventListener("pointerleave", release)
  toast.addEventListener("focusout", release)
}

const armAll = () => {
  for (const toast of document.querySelectorAll("[data-toast]:not([data-armed])")) arm(toast)
}

htmx.onLoad(armAll)
armAll()

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-dismiss]")?.closest("[data-toast]")
  if (toast) setTimeout(() => toast.remove(), dismissMs)
})

/* The server's answers bring their own toasts; these are for answers that are not ours, or that never came. */

const show = (text) => {
  const toast = document.createElement("div")
  toast.className = "toast toast-bad"
  toast.dataset.toast = "bad"
  const words = document.createElement("span")
  words.className = "toast-text"
  words.textContent = text
  toast.append(words)
  document.getElementById("toasts")?.append(toast)
  arm(toast)
}

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const isForm = ctx.response.status === 422 || ctx.response.status === 409
  const isOurs = isForm || (ctx.text ?? "").includes("<hx-partial") || ctx.hx?.redirect
  if (!isOurs && ctx.sourceElement?.id !== "stream") show(document.body.dataset.textFailed)
})

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.sourceElement?.id !== "stream") show(document.body.dataset.textNetwork)
})
