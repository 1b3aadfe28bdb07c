// Dialogs: those that the server sends open by themselves; htmx's confirmations become dialogs, too.

/* Arrival, closing */

const openArrived = () => {
  for (const dialog of document.querySelectorAll("dialog[data-modal]:not([open])")) {
    dialog.addEventListener("close", () => dialog.remove())
    dialog.showModal()
  }
}

htmx.onLoad(openArrived)
openArrived()

document.addEventListener("click", (event) => {
  event.target.closest("[data-close]")?.closest("dialog")?.close()
})

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const form = ctx.sourceElement
  if (form?.matches?.("[data-close-on-success]") && ctx.response?.status < 400) form.closest("dialog")?.close()
})

/* Confirmation: `hx-confirm` is the question; data-confirm-{help,yes,danger,type,label} the rest */

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** The name that has to be typed before the deed can be done. */
const typedName = (settings, yes) => {
  const input = element("input", { type: "text", className: "input input-mono", autocomplete: "off", autofocus: true })
  yes.disabled = true
  input.addEventListener("input", () => (yes.disabled = input.value !== settings.confirmType))
  const field = element("label", { className: "field" }, settings.confirmLabel, input)
  return field
}

const confirmDialog = (question, settings) => {
  const words = document.body.dataset
  const no = element("button", { type: "button", className: "button", textContent: words.textCancel })
  const yes = element("button", { value: "yes", textContent: settings.confirmYes ?? words.textConfirm })
  yes.className = "confirmDanger" in settings ? "button button-danger" : "button button-primary"
  const body = element("div", { className: "dialog-body" })
  if (settings.confirmHelp) body.append(element("p", { className: "quiet", textContent: settings.confirmHelp }))
  if (settings.confirmType) body.append(typedName(settings, yes))
  else no.autofocus = true
  const head = element("header", { className: "dialog-head" }, element("h2", { id: "confirm", textContent: question }))
  const form = element("form", { method: "dialog" }, head, body)
  form.append(element("footer", { className: "dialog-foot" }, no, yes))
  const dialog = element("dialog", { className: "dialog" }, form)
  dialog.setAttribute("aria-labelledby", "confirm")
  no.addEventListener("click", () => dialog.close())
  return dialog
}

document.addEventListener("htmx:confirm", (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail
  if (!ctx.confirm) return
  event.preventDefault()
  const dialog = confirmDialog(ctx.confirm, ctx.sourceElement.dataset)
  dialog.addEventListener("close", () => {
    dialog.remove()
    if (dialog.returnValue === "yes") issueRequest()
    else dropRequest()
  })
  document.body.append(dialog)
  dialog.showModal()
})
