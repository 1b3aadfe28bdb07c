import { describe, expect, test } from "bun:test"
import { formatBytes, formatMicros, formatRate, formatShare } from "../../ui/parts/Format.ts"
import { lineParts, niceBytes, niceMaximum, Spark, TimeChart } from "../../ui/parts/TimeChart.tsx"
import { render } from "../../ui/Render.ts"

describe("a chart", () => {
  test("ends at a number to read", () => {
    const rows = [
      [0, 1],
      [0.3, 0.5],
      [1, 1],
      [1.01, 2],
      [2.1, 5],
      [940, 1_000],
      [5_001, 10_000],
    ] as const
    expect(rows.map(([value]) => niceMaximum(value))).toEqual(rows.map(([, maximum]) => maximum))
  })

  test("of sizes ends at a round number of their unit", () => {
    const sizes = [0, 700, 50.9 * 1024 ** 2, 1.2 * 1024 ** 3].map((bytes) => formatBytes("en", niceBytes(bytes)))
    expect(sizes).toEqual(["1 B", "1,000 B", "100 MiB", "2 GiB"])
  })

  test("draws what is within its span, from left to right, and leaves gaps where nothing is known", () => {
    const times = [0, 98_000, 100_000, 102_000, 150_000, 152_000]
    const parts = lineParts({ now: 200_000, spanMs: 200_000, gapMs: 5_000, times }, [1, 5, null, 10, 20, 10], 10)
    const drawn = parts.map((part) => part.map(({ x, y }) => [Math.round(x), Math.round(y)]))
    expect(drawn).toEqual([
      [[0, 108]],
      [[294, 60]],
      [[306, 0]],
      [
        [450, 0],
        [456, 0],
      ],
    ])
    const later = lineParts({ now: 250_000, spanMs: 200_000, gapMs: 5_000, times }, [1, 5, null, 10, 20, 10], 10)
    expect(later.flat()).toHaveLength(4)
  })

  test("says in words what it shows, and has no style of its own", () => {
    const html = render(
      <TimeChart
        title="Calls"
        label={`now 3 "so"`}
        times={[1, 2_001]}
        now={2_001}
        spanMs={100_000}
        gapMs={2_500}
        series={[{ tone: "info", label: "rate", value: "3", filled: true, values: [1, 3] }]}
        format={(value) => value.toFixed(1)}
        ends={["then", "now"]}
      />,
    )
    expect(html).toContain(`role="img" aria-label="now 3 &quot;so&quot;"`)
    expect(html).toContain("<b>3</b>")
    for (const text of ["5.0", "2.5", "then", "now", "area-info", "line-info"]) expect(html).toContain(text)
    expect(html).not.toContain("style=")
  })

  test("of nothing is empty, not broken", () => {
    const html = render(<Spark values={[]} count={150} tone="info" />)
    expect(html).not.toContain("<path")
    expect(render(<Spark values={[0, 0, 0]} count={150} tone="info" />)).not.toContain("<path")
  })

  test("of a row has few points, the last of them now, and is no higher than its room", () => {
    const values = Array.from({ length: 150 }, (_, index) => (index < 147 ? 1 : 2))
    const path = / d="([^"]+)"/.exec(render(<Spark values={values} count={150} tone="info" />))?.[1] ?? ""
    const points = path.slice(1).split("L")
    expect(points).toHaveLength(50)
    expect([points[0], points.at(-1)]).toEqual(["0.0 12.0", "100.0 1.0"])
    expect(render(<Spark values={[1, 2]} count={30} tone="info" />)).toContain(`d="M96.6 12.0L100.0 1.0"`)
  })
})

test("figures are short, and have their unit", () => {
  expect([0, 420, 1_300, 18_400, 812_000, 2_100_000].map((micros) => formatMicros("en", micros))).toEqual([
    "0 µs",
    "420 µs",
    "1.3 ms",
    "18.4 ms",
    "812 ms",
    "2.1 s",
  ])
  expect([0, 512, 1536, 90 * 1024 ** 2, 1.5 * 1024 ** 3].map((bytes) => formatBytes("en", bytes))).toEqual([
    "0 B",
    "512 B",
    "1.5 KiB",
    "90 MiB",
    "1.5 GiB",
  ])
  expect([0, 0.004, 0.25, 12.34, 9412.7].map((rate) => formatRate("en", rate))).toEqual([
    "0",
    "0",
    "0.25",
    "12.3",
    "9,413",
  ])
  expect([0, 0.00041, 0.0131, 1].map((share) => formatShare("en", share))).toEqual(["0%", "0.04%", "1.31%", "100%"])
})
