import type { Tone } from "./Status.tsx"

export type BarPart = { readonly tone: Tone | "rest"; readonly count: number }

const gap = 0.6

/** Shares of a whole. Widths are SVG attributes, because the content policy allows no inline style. */
export const Bar = ({ parts, label }: { parts: ReadonlyArray<BarPart>; label: string }) => {
  const shown = parts.filter((part) => part.count > 0)
  const total = shown.reduce((sum, part) => sum + part.count, 0)
  const rectangles = shown.map((part, index) => {
    const before = shown.slice(0, index).reduce((sum, other) => sum + other.count, 0)
    const width = (part.count / total) * 100 - (index === shown.length - 1 ? 0 : gap)
    const x = (before / total) * 100
    return <rect class={`fill-${part.tone}`} x={x.toFixed(2)} width={Math.max(0.4, width).toFixed(2)} height="8" />
  })
  return (
    <svg class="bar" role="img" aria-label={label} viewBox="0 0 100 8" preserveAspectRatio="none">
      {rectangles.length > 0 ? rectangles : <rect class="fill-rest" x="0" width="100" height="8" />}
    </svg>
  )
}
