/** Three that are alike and one that leads. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <rect x="2" y="3" width="9" height="7" rx="2" />
    <rect x="13" y="3" width="9" height="7" rx="2" />
    <rect x="2" y="14" width="9" height="7" rx="2" />
    <circle cx="17.5" cy="17.5" r="3.5" />
  </svg>
)
