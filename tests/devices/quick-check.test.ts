/** The quick check against the schemas themselves: a yes must be theirs too, and cost nothing. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { quickCheck } from '../../devices/contract/quick-check.ts'
import { type Kind, kinds, parseRecord, printRecord } from '../../devices/contract/record.ts'
import { hallDays } from '../bench/hall-day.ts'

const day = [...hallDays(7).take(2_000)]
const one = new Map(day.map((recorded) => [recorded.draft.kind, recorded]))

/** What tends to be let through by mistake. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, '', 'a\u0000b', '\ud800', '-', 'x'.repeat(200), [], {}, ['a'], { a: 1 }],
    ...[-1, -0, 0.5, 1e300, 2 ** 53, Number.MAX_SAFE_INTEGER, '1', 'ffffffffffffffff', 'A1'],
  ),
  fc.jsonValue(),
)

type Place = { parent: Record<string, unknown>; member: string }

/** Every member of every object and array inside. */
function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return []
  const parent = value as Record<string, unknown>
  return Object.keys(parent).flatMap((member) => [{ parent, member }, ...placesOf(parent[member])])
}

function spoil(value: unknown, at: number, how: 'replace' | 'remove' | 'add', by: unknown): void {
  const places = placesOf(value)
  const place = places[at % places.length]
  if (place === undefined) return
  if (how === 'replace') place.parent[place.member] = by
  else if (how === 'remove') delete place.parent[place.member]
  else Object.defineProperty(place.parent, '__proto__', { value: by, enumerable: true })
}

describe('quick check', () => {
  it('knows the shapes of everyday records, so that the schemas are not asked', () => {
    const slow = (Object.keys(kinds) as Kind[]).filter((kind) => {
      const recorded = one.get(kind)
      return recorded !== undefined && !quickCheck(kinds[kind])(recorded.draft.data)
    })
    expect(slow).toEqual(['config.applied'])
  })

  it('says yes only where the schema does, to the very same value', () => {
    const how = fc.constantFrom('replace' as const, 'remove' as const, 'add' as const)
    const spoiling = fc.tuple(fc.nat(40), how, odd)
    let passed = 0
    fc.assert(
      fc.property(fc.constantFrom(...one.values()), spoiling, ({ draft }, [at, how, by]) => {
        const spoiled = structuredClone(draft.data) as unknown
        spoil(spoiled, at, how, by)
        const data = JSON.parse(JSON.stringify(spoiled)) as unknown
        if (!quickCheck(kinds[draft.kind])(data)) return
        passed++
        const parsed = kinds[draft.kind].safeParse(data)
        expect(parsed.success).toBe(true)
        expect(parsed.data).toEqual(data)
      }),
      { numRuns: 20_000 },
    )
    expect(passed).toBeGreaterThan(0)
  })

  it.each([
    ['a default', z.strictObject({ a: z.int().default(1) }), {}],
    ['members that are dropped', z.object({ a: z.int() }), { a: 1, b: 2 }],
    ['a change of the text', z.string().trim(), ' a '],
    ['a pattern with a memory', z.string().regex(/a/g), 'a'],
    ['numbers that need not be whole', z.number(), 0.5],
    ['a rule over several members', z.strictObject({ a: z.int() }).refine(() => false), { a: 1 }],
  ])('leaves %s to the schema', (_, schema, value) => {
    expect(quickCheck(schema)(value)).toBe(false)
  })

  it('changes nothing of what a record is refused with', () => {
    const { draft, at } = one.get('ticket.issued')!
    const good = printRecord(draft, at)
    const codeOf = (text: string) => {
      const parsed = parseRecord(text)
      return parsed.ok ? 'ok' : parsed.code
    }
    expect(codeOf(good)).toBe('ok')
    expect(codeOf(good.replace('"v":1', '"v":2'))).toBe('unknown_version')
    expect(codeOf(good.replace('ticket.issued', 'ticket.eaten'))).toBe('unknown_kind')
    expect(codeOf(good.replace('"kind":"ticket.issued"', '"kind":"__proto__"'))).toBe(
      'unknown_kind',
    )
    expect(codeOf(good.replace('"number":"', '"number":"\\u0000'))).toBe('bad_text')
    expect(codeOf(good.replace('"ahead":', '"ahead":-1,"more":'))).toBe('invalid')
    expect(codeOf('[]')).toBe('invalid')
    expect(codeOf('null')).toBe('invalid')
  })
})
