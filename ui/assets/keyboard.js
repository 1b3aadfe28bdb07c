// Keys: "/" searches, "g" then a letter goes to a room, "?" shows the help. Nothing destructive is on a key.

const rooms = { d: "dashboard", s: "services", n: "nodes", c: "cron" }
const pairMs = 1200

let goAt = 0

const isTyping = (target) => target.closest("input, textarea, select, dialog, [contenteditable]") !== null

const press = (key, event) => {
  if (key === "/") {
    const search = document.querySelector("[data-search]")
    if (!search) return
    event.preventDefault()
    search.focus()
  } else if (key === "?") {
    document.querySelector("[data-keys]")?.click()
  } else if (key === "g") {
    goAt = event.timeStamp
  } else if (rooms[key] && event.timeStamp - goAt < pairMs) {
    goAt = 0
    document.querySelector(`[data-room="${rooms[key]}"]`)?.click()
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return
  press(event.key, event)
})
