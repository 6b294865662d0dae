/**
 * Random days in a hall: steps drawn by fast-check, turned into inputs against the state they meet,
 * so that they reach deep. And a checker that knows tickets and counters from the records alone.
 */

import fc from 'fast-check'
import type { Draft, Source } from '#devices/contract/record.ts'
import type { Fact } from '../../../gateway/hall/apply.ts'
import type { Ask } from '../../../gateway/hall/input.ts'
import type { HallState } from '../../../gateway/hall/state.ts'
import { card, HASH_A, HASH_B, order, rules } from './fixtures.ts'

const types = [
  'config',
  'day.open',
  'day.close',
  ...Array<'ticket.press'>(6).fill('ticket.press'),
  'ticket.delivery',
  'ticket.leave',
  'ticket.void',
  'counter.sign_in',
  'counter.sign_in',
  'counter.sign_out',
  ...Array<'call.next'>(4).fill('call.next'),
  'call.number',
  'recall',
  'serve',
  'serve',
  'done',
  'done',
  'no_show',
  'card',
  'order.enter',
  'order.enter',
  'order.confirm',
  'order.confirm',
  'order.result',
  'kiosk.visit',
  'order.pin_begin',
  'order.pin_begin',
  'pin.outcome',
  'pin.outcome',
  'rating.ask',
  'rating.press',
  'rating.press',
  'device.bind',
  'device.replace',
] as const

export const step = fc.record({
  type: fc.constantFrom(...types),
  a: fc.nat(7),
  b: fc.nat(7),
  /** Time that passes before it; some of it only on the wall, also backwards. */
  wait_ms: fc.constantFrom(0, 0, 1, 1_000, 400_000),
  wall_ms: fc.constantFrom(0, 0, 0, 0, -3_600_000, 3_600_000),
  boot: fc.constantFrom(...Array<number>(20).fill(0), 1),
  source: fc.option(fc.record({ by: fc.constantFrom('panel', 'pad', 'crm'), same: fc.nat(9) }), {
    nil: undefined,
  }),
  break: fc.constantFrom(...Array<boolean>(30).fill(false), true),
})
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const pick = <T>(items: readonly T[], n: number): T | undefined => items[n % items.length]

/** The ask of a step in the state it meets. */
export function askOf(state: HallState, { type, a, b }: Step): Ask {
  const counter = pick(['1', '2', 'constructor', '9'], a % 5) ?? '1'
  const ticket = pick(Object.keys(state.tickets), a * 8 + b) ?? 'f'.repeat(16)
  const ordered = pick(['o-1', 'o-2', '__proto__'], b) ?? 'o-1'
  const content_hash = a % 3 === 0 ? HASH_B : HASH_A
  const request = `${a}${b}`.repeat(8)
  switch (type) {
    case 'config':
      return { type, version: a, rules: rules(b === 0 ? { counters: ['1'] } : bands(b)) }
    case 'day.open':
      return { type, day: `2026-03-0${1 + (a % 5)}`, confirmed_by: b > 2 ? 'ann' : null }
    case 'ticket.press':
      return { type, service: pick(['cash', 'loans'], a)!, ...(b > 4 && { class: 'gold' }) }
    case 'ticket.delivery': {
      const outcome = pick(['printed', 'likely', 'failed', 'unknown'] as const, b)!
      return { type, ticket, outcome, reprint: a > 5 }
    }
    case 'ticket.leave':
      return { type, ticket }
    case 'ticket.void':
      return { type, ticket, by: 'ann', reason: b > 3 ? 'test' : '' }
    case 'counter.sign_in':
      return { type, counter, clerk: `c${b % 3}`, services: b > 5 ? ['loans'] : [] }
    case 'call.number':
      return { type, counter, number: pick(Object.keys(state.numbers), a * 8 + b) ?? 'A001' }
    case 'card':
      return card(counter, `${b}`.repeat(64))
    case 'order.enter':
      return order({
        ...{ order: ordered, counter: a > 3 ? '1' : '2', content_hash },
        ...(b > 4 ? { pin: 'required' } : {}),
      })
    case 'order.pin_begin': {
      const of = a > 3 ? '1' : '2'
      return { type, order: ordered, content_hash, counter: of, screen: 's', request }
    }
    case 'pin.outcome': {
      const open = b > 1 ? state.orders[ordered]?.pin?.request : undefined
      const outcome = pick(['entered', 'entered', 'cancelled', 'timed_out', 'unknown'] as const, a)!
      const by = { device: 'pin', pad: '7', key: '64' }
      return { type, order: ordered, request: open ?? request, outcome, ...by }
    }
    case 'rating.press': {
      const open = b > 1 ? state.counters[counter]?.asking?.request : undefined
      return { type, counter, key: b, score: 1 + (a % 5), keys: 5, request: open ?? null }
    }
    case 'device.bind': {
      const at = { place: 'tcp://h:1', counter: a > 5 ? null : '1', by: 'ann' }
      const device_type = a % 2 === 0 ? 'ff68_rater' : 'call_pad'
      return { type, device: `d${b % 3}`, device_type, identity: `i${a % 3}`, ...at }
    }
    case 'device.replace':
      return {
        ...{ type, device: `d${b % 3}`, by: 'ann' },
        ...{ old_identity: `i${a % 3}`, new_identity: `i${b % 4}` },
      }
    case 'order.confirm':
      return { type, order: ordered, content_hash }
    case 'order.result':
      return { type, order: ordered, result: a > 5 ? 'failed' : 'done', code: '0' }
    case 'kiosk.visit':
      return { type, kiosk: 'k', purpose: 'p' }
    case 'day.close':
      return { type }
    default:
      return { type, counter }
  }
}

/** Small bands, moved about: they run out, overlap what was used and change owners. */
function bands(n: number) {
  const [cash, loans] = rules().services
  const apart = [
    { ...cash!, band: { prefix: 'A', first: 1, last: 5 + n, digits: 3 } },
    { ...loans!, band: { prefix: 'A', first: 6 + n, last: 60, digits: 3 } },
  ]
  const [x, y] = apart
  return {
    services:
      n % 2 === 0
        ? apart
        : [
            { ...x!, band: y!.band },
            { ...y!, band: x!.band },
          ],
  }
}

/** Mostly fresh numbers, now and then one that was used before, for the same or another ask. */
export function sourceOf({ source }: Step, nth: number): Source | undefined {
  if (source === undefined) return undefined
  const number = source.same === 0 ? Math.floor(nth / 2) : nth
  if (source.by === 'crm') return { caller: 'crm', key: `k${number}` }
  return { device: source.by, boot: 'a1', event: number }
}

export const broken: Draft = {
  kind: 'epoch.begun',
  data: {
    epoch: 'e'.repeat(32),
    number: 2,
    reason: 'damaged',
    gateway: 'g',
    parent: null,
    continues: false,
    numbers: null,
  },
}

/** What is wrong in a history, told by the records alone; null where nothing is. */
export function wrongIn(facts: readonly Fact[]): string | null {
  const at = new Map<string, string>()
  const numbers = new Set<string>()
  const over = new Set<string>()
  const rated = new Set<string>()
  const contents = new Map<string, string>()
  for (const { kind, data } of facts) {
    if (kind === 'rating.given' && data.attributed) {
      if (rated.has(data.request!)) return `${data.request} rated twice`
      rated.add(data.request!)
    }
    if (kind === 'order.entered') contents.set(data.order, data.content_hash)
    if (kind === 'order.confirmed' && data.pin !== undefined) {
      const { request, content_hash } = data.pin
      const typed = facts.some(
        (fact) =>
          fact.kind === 'pin.ended' &&
          fact.data.request === request &&
          fact.data.outcome === 'entered' &&
          fact.data.content_hash === contents.get(data.order),
      )
      if (!typed || content_hash !== data.content_hash) return `${data.order}: another PIN`
    }
    if (kind === 'ticket.issued') {
      const number = `${data.day} ${data.number}`
      if (numbers.has(number)) return `${number} issued twice`
      numbers.add(number)
    }
    if (kind === 'ticket.called') {
      if ([...at.values()].includes(data.counter)) return `${data.counter} called over a ticket`
      if (at.has(data.ticket)) return `${data.ticket} called at two counters`
      if (over.has(data.ticket)) return `${data.ticket} called after its end`
      at.set(data.ticket, data.counter)
    }
    if (kind === 'ticket.serving' || kind === 'ticket.done' || kind === 'ticket.no_show') {
      if (at.get(data.ticket) !== data.counter) return `${kind} at a counter that has it not`
    }
    if (kind === 'ticket.done' || kind === 'ticket.left' || kind === 'ticket.voided') {
      if (over.has(data.ticket)) return `${data.ticket} ended twice`
      over.add(data.ticket)
      at.delete(data.ticket)
    }
    if (kind === 'ticket.no_show') at.delete(data.ticket)
    if (kind === 'counter.signed_out' && [...at.values()].includes(data.counter)) {
      return `${data.counter} signed out over a ticket`
    }
  }
  return null
}
