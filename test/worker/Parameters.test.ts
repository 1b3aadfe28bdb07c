import { expect, test } from "bun:test"
import { parametersOf } from "../../src/worker/Parameters.ts"

/** From source text, so that no compiler has had its hands on it. */
// oxlint-disable-next-line no-eval
const evaluate = (text: string): unknown => (0, eval)(`(${text})`)

const read = (text: string) => {
  const { parameters, rest } = parametersOf(evaluate(text) as () => void)
  return [
    ...parameters.map(({ name, optional }) => `${name ?? "?"}${optional ? "=" : ""}`),
    ...(rest ? ["..."] : []),
  ].join(" ")
}

test.each([
  ["(a, b) => 1", "a b"],
  ["a => a", "a"],
  ["async name => name", "name"],
  ["async (x, y = 1) => x", "x y="],
  ["() => 1", ""],
  ["function hello(name, ...more) {}", "name ..."],
  ["async function* follow(from = { a: [1, 2], b: ')' }, to) {}", "from= to"],
  ["function ({ a, b }, [c], last = '(,)') {}", "? ? last="],
  ["({ a } = { a: '}' }, [b] = [1]) => a", "?= ?="],
  ["(a /* , b */, // c, (\n d) => 1", "a d"],
  ["(a = `x${[1, '`'].length},)`, b = /[/,)]+/.test('x'), c = 4 / 2, d) => 1", "a= b= c= d"],
  ["(a = (b, c) => b, d = function (e) { return e }) => 1", "a= d="],
  ["(参数, $x, _y) => 1", "参数 $x _y"],
  ["(a,) => 1", "a"],
])("%s", (text, expected) => {
  expect(read(text)).toBe(expected)
})

test("methods of objects and classes, whatever they are called", () => {
  const object = evaluate("{ m(a, b = 2) {}, async *items(x) {}, ['a (b'](c) {}, 'd (e'(f) {} }") as Record<
    string,
    () => void
  >
  const names = (key: string) => parametersOf(object[key] ?? Object).parameters.map(({ name }) => name)
  expect([names("m"), names("items"), names("a (b"), names("d (e")]).toEqual([["a", "b"], ["x"], ["c"], ["f"]])
})

test("of a function without source only the number is known", () => {
  expect(parametersOf(Math.pow)).toEqual({
    parameters: [
      { name: undefined, optional: false },
      { name: undefined, optional: false },
    ],
    rest: false,
  })
})
