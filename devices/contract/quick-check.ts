/**
 * A schema as one plain function that says yes to most of what is right and never to what is wrong.
 *
 * Parsing builds issues, copies and contexts; a log of good records needs none of them. This reads a
 * schema once, by the definitions that zod publishes for such uses, and makes of it a check without
 * any of that. Whatever it does not know makes it say no: then the schema itself is asked, and alone
 * says what is wrong. So there is one truth, the schema, and it is only asked less often.
 *
 * A yes also means that parsing would give the value back as it is.
 */
import type { z } from 'zod'

export type Check = (value: unknown) => boolean

/** The parts of zod's definitions that records are made of. */
type Def = {
  type: string
  check?: string
  format?: string
  checks?: readonly { _zod: { def: CheckDef } }[]
  shape?: Readonly<Record<string, Schema>>
  catchall?: Schema
  element?: Schema
  innerType?: Schema
  options?: readonly Schema[]
  entries?: Readonly<Record<string, string | number>>
  values?: readonly unknown[]
}
type CheckDef = {
  check: string
  format?: string
  pattern?: RegExp
  value?: number
  inclusive?: boolean
  minimum?: number
  maximum?: number
  fn?: (value: never) => unknown
}
type Schema = { _zod: { def: Def } }

const never: Check = () => false

/** The check of a schema; for one that it does not know wholly, a check that always says no. */
export function quickCheck(schema: z.ZodType): Check {
  return checkOf(schema as unknown as Schema) ?? never
}

function checkOf({ _zod: { def } }: Schema): Check | null {
  const base = baseOf(def)
  if (base === null) return null
  const checks = (def.checks ?? []).map(({ _zod }) => furtherOf(_zod.def))
  return all([base, ...checks])
}

/** Null where one of them is not known. */
function all(checks: readonly (Check | null)[]): Check | null {
  if (checks.includes(null)) return null
  const [first, second, third, ...rest] = checks as Check[]
  if (first === undefined || second === undefined) return first ?? null
  if (third === undefined) return (value) => first(value) && second(value)
  if (rest.length === 0) return (value) => first(value) && second(value) && third(value)
  return (value) => [first, second, third, ...rest].every((check) => check(value))
}

function baseOf(def: Def): Check | null {
  switch (def.type) {
    case 'string':
      return def.format === undefined ? (value) => typeof value === 'string' : null
    case 'boolean':
      return (value) => typeof value === 'boolean'
    case 'number':
      return def.format === 'safeint' ? Number.isSafeInteger : null
    case 'enum':
      return oneOf(Object.values(def.entries ?? {}))
    case 'literal':
      return oneOf(def.values ?? [])
    case 'nullable':
      return orNull(checkOf(def.innerType!))
    case 'array':
      return arrayOf(checkOf(def.element!))
    case 'union':
      return anyOf((def.options ?? []).map(checkOf))
    case 'object':
      return def.catchall?._zod.def.type === 'never' ? exactly(def.shape ?? {}) : null
    default:
      return null
  }
}

function oneOf(values: readonly unknown[]): Check {
  const known = new Set(values)
  return (value) => known.has(value)
}

function orNull(inner: Check | null): Check | null {
  return inner === null ? null : (value) => value === null || inner(value)
}

function arrayOf(element: Check | null): Check | null {
  return element === null ? null : (value) => Array.isArray(value) && value.every(element)
}

function anyOf(options: readonly (Check | null)[]): Check | null {
  if (options.includes(null)) return null
  return (value) => options.some((option) => option!(value))
}

/** An object with all members that must be there and no other. */
function exactly(shape: Readonly<Record<string, Schema>>): Check | null {
  const members = new Map<string, Check>()
  const optional = new Set<string>()
  for (const [name, schema] of Object.entries(shape)) {
    const { def } = schema._zod
    const inner = def.type === 'optional' ? checkOf(def.innerType!) : checkOf(schema)
    if (inner === null) return null
    members.set(name, inner)
    if (def.type === 'optional') optional.add(name)
  }
  const wanted = members.size - optional.size
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    let found = 0
    for (const name in value) {
      const check = members.get(name)
      if (check === undefined || !check((value as Record<string, unknown>)[name])) return false
      if (!optional.has(name)) found++
    }
    return found === wanted
  }
}

function furtherOf(def: CheckDef): Check | null {
  const { value: bound = Number.NaN, minimum = Number.NaN, maximum = Number.NaN } = def
  switch (def.check) {
    case 'string_format':
      return def.format === 'regex' ? matches(def.pattern!) : null
    case 'greater_than':
      return def.inclusive ? (value) => (value as number) >= bound : (v) => (v as number) > bound
    case 'less_than':
      return def.inclusive ? (value) => (value as number) <= bound : (v) => (v as number) < bound
    case 'min_length':
      return (value) => (value as string | unknown[]).length >= minimum
    case 'max_length':
      return (value) => (value as string | unknown[]).length <= maximum
    case 'custom':
      return def.fn === undefined ? null : (value) => Boolean(def.fn!(value as never))
    default:
      return null
  }
}

/** A pattern that remembers where it was would judge the same text differently. */
function matches(pattern: RegExp): Check | null {
  if (pattern.global || pattern.sticky) return null
  return (value) => pattern.test(value as string)
}
