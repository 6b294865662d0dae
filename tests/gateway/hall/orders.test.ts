import { describe, expect, it } from 'vitest'
import { HASH_A, HASH_B, openHall, order, staffedHall } from './fixtures.ts'

const confirm = (content_hash = HASH_A, id = 'order-1') =>
  ({ type: 'order.confirm', order: id, content_hash }) as const
const result = (outcome: 'done' | 'failed') =>
  ({ type: 'order.result', order: 'order-1', result: outcome, code: '0' }) as const

describe('orders', () => {
  it('are idempotent by id and content', () => {
    const h = staffedHall()
    expect([h.code(order()), h.code(order())]).toEqual(['recorded', 'repeat'])
    h.must({ type: 'counter.sign_out', counter: '1' })
    expect(h.code(order())).toBe('repeat')
  })

  it('change until they are confirmed, and then no more', () => {
    const h = staffedHall()
    h.must(order())
    expect(h.code(order({ content_hash: HASH_B }))).toBe('recorded')
    expect(h.code(confirm(HASH_A))).toBe('hash_mismatch')
    expect(h.code(confirm(HASH_B))).toBe('recorded')
    expect(h.code(confirm(HASH_B))).toBe('repeat')
    expect(h.code(order({ content_hash: HASH_A }))).toBe('order_final')
    expect(h.code(order({ content_hash: HASH_B }))).toBe('repeat')
  })

  it('belong to the counter that brought the id first; another one changes nothing', () => {
    const h = staffedHall()
    h.must(order())
    const theirs = order({ counter: '2', content_hash: HASH_B })
    expect(h.code(theirs)).toBe('wrong_state')
    expect(h.ask(theirs)).toMatchObject({ fault: { detail: 'entered at 1' } })
    expect(h.facts.filter(({ kind }) => kind === 'order.entered')).toHaveLength(1)
    expect(h.code(confirm(HASH_B))).toBe('hash_mismatch')
    // The counter itself may change it still.
    expect(h.code(order({ content_hash: HASH_B }))).toBe('recorded')
    expect(h.code(confirm(HASH_B))).toBe('recorded')
    expect(h.code(order({ counter: '2' }))).toBe('order_final')
  })

  it('the id is the key: the same caller may change an order under one key', () => {
    const h = staffedHall()
    const source = { caller: 'crm', key: 'order-1' }
    h.must(order(), source)
    expect(h.code(order(), source)).toBe('repeat')
    expect(h.code(order({ content_hash: HASH_B }), source)).toBe('recorded')
    h.must(confirm(HASH_B))
    expect(h.code(order(), source)).toBe('order_final')
    expect(h.code(confirm(HASH_B), source)).toBe('key_reused')
  })

  it('get one result, after the confirmation', () => {
    const h = staffedHall()
    expect(h.code(result('done'))).toBe('not_found')
    h.must(order())
    expect(h.code(result('done'))).toBe('wrong_state')
    h.must(confirm())
    expect([h.code(result('failed')), h.code(result('failed')), h.code(result('done'))]).toEqual([
      'recorded',
      'repeat',
      'wrong_state',
    ])
  })

  it('survive the night: a late repeat is not a new order', () => {
    const h = staffedHall()
    h.must(order())
    h.must(confirm())
    h.must({ type: 'day.open', day: '2026-03-03', confirmed_by: null })
    expect([h.code(order()), h.code(confirm()), h.code(result('done'))]).toEqual([
      'repeat',
      'repeat',
      'recorded',
    ])
    h.clock.ms += 86_400_000
    h.must({ type: 'day.open', day: '2026-03-04', confirmed_by: 'ann' })
    expect(h.code(confirm())).toBe('not_found')
  })

  it('may be called anything', () => {
    const h = staffedHall()
    const ids = ['__proto__', 'constructor', '7']
    expect(ids.map((id) => h.code(order({ order: id })))).toEqual(ids.map(() => 'recorded'))
    expect(ids.map((id) => h.code(order({ order: id })))).toEqual(ids.map(() => 'repeat'))
    expect(h.code(confirm(HASH_A, 'toString'))).toBe('not_found')
  })

  it('need a clerk', () => {
    expect(openHall().code(order())).toBe('not_signed_in')
    expect(openHall().code(order({ counter: '9' }))).toBe('unknown_counter')
  })
})

describe('money', () => {
  const most = Number.MAX_SAFE_INTEGER
  const line = (amount_fen: number) => ({ item: 'sim', amount_fen })
  const tender = (amount_fen: number) => ({ tender: 'cash', amount_fen })

  it.each([1.5, -1, most + 1, Number.NaN, Infinity])('%s is no amount', (fen) => {
    const content = { lines: [line(fen)], tenders: [tender(fen)] }
    expect(staffedHall().code(order(content))).toBe('amount_range')
  })

  it('is summed exactly beyond 2^53', () => {
    const h = staffedHall()
    const lines = [line(most), line(most), line(1)]
    // As numbers the two sums are equal.
    expect(h.code(order({ lines, tenders: [tender(most), tender(most)] }))).toBe('order_unbalanced')
    expect(h.code(order({ lines, tenders: [tender(1), tender(most), tender(most)] }))).toBe(
      'recorded',
    )
  })

  it('an order without lines is refused, and the refusal names no content', () => {
    const answer = staffedHall().ask(order({ lines: [], tenders: [] }))
    expect(answer).toMatchObject({ outcome: 'refused', fault: { code: 'invalid' } })
  })
})
