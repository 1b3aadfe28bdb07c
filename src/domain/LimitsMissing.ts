/** What to do where the kernel does not let an agent limit its processes. */
export type LimitsRemedy = "delegate" | "root"

/** Why limits that are asked for are not in force. `said`: by the kernel, or by systemd. */
export type LimitsMissing =
  | { readonly _tag: "NotMounted" }
  | { readonly _tag: "Unusable"; readonly said: string; readonly remedy: LimitsRemedy }
  | { readonly _tag: "NotDelegated"; readonly controllers: ReadonlyArray<string>; readonly to: string }

const notMounted = "cgroup v2 is not mounted: boot with systemd.unified_cgroup_hierarchy=1"

const remedies: Readonly<Record<LimitsRemedy, string>> = {
  delegate: "run the agent as a systemd unit with Delegate=yes",
  root: "run the agent as root, or add DelegateSubgroup=agent to its unit (systemd 254)",
}

/** As an agent says it; read again by a page, to say it in the reader's language. */
export const limitsSentence = (missing: LimitsMissing): string => {
  switch (missing._tag) {
    case "NotMounted":
      return notMounted
    case "Unusable":
      return `cgroup v2 can't be used: ${missing.said}: ${remedies[missing.remedy]}`
    case "NotDelegated": {
      const { controllers, to } = missing
      const what =
        controllers.length === 1 ? `controller ${controllers[0]} is` : `controllers ${controllers.join(", ")} are`
      return `${what} not delegated to ${to}: use Delegate=yes in the agent's unit, and no cgroup v1 for them`
    }
  }
}

const remedyOf = (text: string) =>
  text === remedies.delegate ? "delegate" : text === remedies.root ? "root" : undefined

/** Undefined: in words that are not known here. */
export const readLimits = (text: string): LimitsMissing | undefined => {
  if (text === notMounted) return { _tag: "NotMounted" }
  const [, said, what = ""] = /^cgroup v2 can't be used: (.+): (run the agent as .+)$/s.exec(text) ?? []
  const remedy = remedyOf(what)
  if (said !== undefined && remedy !== undefined) return { _tag: "Unusable", said, remedy }
  const [, names, to] =
    /^controllers? (\S+(?:, \S+)*) (?:is|are) not delegated to (.+): use Delegate=yes in /.exec(text) ?? []
  return names === undefined || to === undefined
    ? undefined
    : { _tag: "NotDelegated", controllers: names.split(", "), to }
}
