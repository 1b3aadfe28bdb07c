// Light or dark: the system decides until somebody chooses; the choice is a cookie, so that the server draws it at once.

const yearSeconds = 31_536_000

const current = () => {
  const { theme } = document.documentElement.dataset
  if (theme === "light" || theme === "dark") return theme
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-toggle]")) return
  const theme = current() === "dark" ? "light" : "dark"
  document.documentElement.dataset.theme = theme
  document.cookie = `theme=${theme};path=/;max-age=${yearSeconds};samesite=lax`
})
