// Boxes that open at their end, `[data-from-end]`: it is what was said last that matters. Whoever goes up stays there.

const nearPx = 24
/** Whether the reader of a box is at its end. */
const sticking = new WeakMap()

const isAtEnd = ({ clientHeight, scrollHeight, scrollTop }) => scrollHeight - scrollTop - clientHeight < nearPx

const toEnd = () => {
  for (const box of document.querySelectorAll("[data-from-end]")) {
    if (!sticking.has(box)) {
      sticking.set(box, true)
      box.addEventListener("scroll", () => sticking.set(box, isAtEnd(box)), { passive: true })
    }
    if (sticking.get(box)) box.scrollTop = box.scrollHeight
  }
}

htmx.onLoad(toEnd)
document.addEventListener("htmx:after:swap", toEnd)
toEnd()
