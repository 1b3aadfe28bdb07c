import { expect, test } from "bun:test"
import { Place } from "../../ui/pages/service/process/Place.tsx"
import { render } from "../../ui/Render.ts"
import { contextOf, service } from "../support/galleryFixtures.ts"
import { process } from "../support/galleryProcesses.ts"

const instance = process.instances.find(({ status }) => typeof status?.limitsMissing === "string")

const textOf = (language: "en" | "zh-CN") =>
  instance === undefined
    ? ""
    : render(<Place page={contextOf(language, "light")} service={service} process={process} instance={instance} />)

test("a place that runs without its limits says why, and what to do, in the reader's language", () => {
  expect(textOf("en")).toContain("Runs without its limits: cgroup v2 is not mounted. Boot with systemd.")
  expect(textOf("zh-CN")).toContain("运行时没有其限制：未挂载 cgroup v2。请以 systemd.")
  expect(textOf("zh-CN")).not.toContain("is not mounted")
})
