// Copy buttons: `data-copy` is a selector of what to copy.

const shownMs = 2000

/** The clipboard's own way needs a secure page; selecting and copying works everywhere. */
const copyText = async (element) => {
  try {
    await navigator.clipboard.writeText(element.textContent)
  } catch {
    getSelection().selectAllChildren(element)
    document.execCommand("copy")
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]")
  if (!button) return
  await copyText(document.querySelector(button.dataset.copy))
  const word = button.querySelector("span")
  const before = word.textContent
  if (before === document.body.dataset.textCopied) return
  word.textContent = document.body.dataset.textCopied
  setTimeout(() => (word.textContent = before), shownMs)
})
