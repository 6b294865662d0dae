/**
 * Options of device types as data: each with its range, so that one check serves the configuration
 * file, its documentation and every type.
 */

/** Whole numbers from `least` to `most` (milliseconds where the name says so), yes or no, a text or null, a list. */
export type OptionRule =
  | { kind: 'whole'; least: number; most: number }
  | { kind: 'flag' }
  | { kind: 'text'; pattern: RegExp; form: string }
  /** From `least` to `most` whole numbers, each within `of`. */
  | { kind: 'list'; least: number; most: number; of: { least: number; most: number } }

export type OptionRules<Options> = Readonly<Record<keyof Options & string, OptionRule>>

export type OptionProblem = { path: string; problem: string }

/** All that is wrong with options from a configuration file; empty when they can be used. */
export function checkOptions<Options>(
  rules: OptionRules<Options>,
  options: Readonly<Record<string, unknown>>,
): OptionProblem[] {
  const problems: OptionProblem[] = []
  for (const [path, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, path) ? rules[path as keyof Options & string] : undefined
    const problem = rule === undefined ? 'no such option of this type' : problemOf(rule, value)
    if (problem !== null) problems.push({ path, problem })
  }
  return problems
}

function problemOf(rule: OptionRule, value: unknown): string | null {
  if (rule.kind === 'whole') {
    const fits =
      Number.isInteger(value) && Number(value) >= rule.least && Number(value) <= rule.most
    return fits ? null : `must be a whole number from ${rule.least} to ${rule.most}`
  }
  if (rule.kind === 'flag') return typeof value === 'boolean' ? null : 'must be true or false'
  if (rule.kind === 'list') return listProblem(rule, value)
  const fits = value === null || (typeof value === 'string' && rule.pattern.test(value))
  return fits ? null : `must be ${rule.form} or null`
}

function listProblem(
  { least, most, of }: Extract<OptionRule, { kind: 'list' }>,
  value: unknown,
): string | null {
  const fits =
    Array.isArray(value) &&
    value.length >= least &&
    value.length <= most &&
    value.every((one) => Number.isInteger(one) && one >= of.least && one <= of.most)
  return fits ? null : `must be ${least} to ${most} whole numbers from ${of.least} to ${of.most}`
}

/** Milliseconds, from one up to ten minutes. */
export const waiting: OptionRule = { kind: 'whole', least: 1, most: 600_000 }
