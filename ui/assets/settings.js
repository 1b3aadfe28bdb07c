// Settings with a default: a button puts it back, and is there only while the field says something else.

const same = (field) => ["", field.dataset.default].includes(field.value.trim())

document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("input[data-default]")) return
  const button = document.querySelector(`[data-to-default="${target.id}"]`)
  if (button) button.hidden = same(target)
})

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-to-default]")
  if (!button) return
  const field = document.getElementById(button.dataset.toDefault)
  field.value = field.dataset.default
  field.focus()
  button.hidden = true
})
