// Lists: selection for actions on several rows, and new members that arrive while the page is open.

/* Selection: the first column's boxes, their count beside the action, "all" in the head */

const boxes = (table) => [...table.querySelectorAll("tbody .check-cell input")]

const showSelection = (table) => {
  const count = boxes(table).filter((box) => box.checked).length
  const all = table.querySelector("[data-select-all]")
  all.checked = count > 0 && count === boxes(table).length
  all.indeterminate = count > 0 && !all.checked
  const words = document.getElementById(table.dataset.select)?.querySelector("[data-selected]")
  if (words) words.textContent = words.dataset.selected.replace("#", String(count))
}

/* Rows that were chosen may go with the list that comes. */
document.addEventListener("htmx:after:swap", () => {
  for (const table of document.querySelectorAll("table[data-select]")) showSelection(table)
})

document.addEventListener("change", ({ target }) => {
  const table = target.closest("table[data-select]")
  if (!table) return
  if (target.matches("[data-select-all]")) for (const box of boxes(table)) box.checked = target.checked
  showSelection(table)
})

/* Members: the stream keeps each row fresh and tells which members there are; when a row is missing, ask for the list */

const asked = new Map()

const followMembers = (marker) => {
  const { list, members } = marker.dataset
  const shown = document.getElementById(`${list}-list`)
  if (!shown?.dataset.members || shown.dataset.members === members || asked.get(list) === members) return
  asked.set(list, members)
  const selector = `#${list}-list`
  htmx.ajax("GET", location.pathname + location.search, { target: selector, select: selector, swap: "outerMorph" })
}

document.addEventListener("htmx:sse:after:message", () => {
  for (const marker of document.querySelectorAll("[data-list]")) followMembers(marker)
})
