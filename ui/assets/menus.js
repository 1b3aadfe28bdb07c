// Menus are native popovers; this places one beside its button, inside the window.

const margin = 8

const place = (menu) => {
  const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect()
  const below = button.bottom + menu.offsetHeight + margin < innerHeight
  menu.style.top = `${below ? button.bottom : button.top - menu.offsetHeight - margin}px`
  menu.style.left = `${Math.max(margin, Math.min(button.left, innerWidth - menu.offsetWidth - margin))}px`
}

document.addEventListener(
  "toggle",
  (event) => {
    if (event.newState === "open" && event.target.matches?.(".menu")) place(event.target)
  },
  true,
)
