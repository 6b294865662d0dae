/**
 * The verifier's own reading of a log against the controller's, over logs drawn at random: also
 * senseless ones, as a branch, a damaged file or a wrong gateway may bring them.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldOne, loadRows } from '../../cloud/intake/fold.ts'
import type { EntryRow } from '../../cloud/ledger/tables.ts'
import type { Row } from '../../cloud/ports.ts'
import { projections } from '../../cloud/projections.ts'
import { OwnBooks } from '../../cloud/verify/own-books.ts'
import { OwnBindings, OwnRatings } from '../../cloud/verify/own-floor.ts'
import { OwnCounters, OwnHall } from '../../cloud/verify/own-hall.ts'
import { OwnVisits } from '../../cloud/verify/own-visits.ts'
import type { Draft } from '../../devices/contract/record.ts'
import {
  bound,
  called,
  configured,
  confirmed,
  confirmedByPin,
  done,
  entered,
  gap,
  HASH,
  issued,
  logOf,
  opened,
  ratingAsked,
  ratingGiven,
  replaced,
  result,
  sale,
  serving,
  signedIn,
  signedOut,
  ticketId,
} from './log-maker.ts'

const ticket = fc.integer({ min: 1, max: 2 })
const counter = fc.constantFrom('1', '2')
const order = fc.constantFrom('o1', 'o2')
const flag = fc.boolean()
const identity = fc.constantFrom('SAM-1', 'SAM-2')

const anyDraft: fc.Arbitrary<Draft> = fc.oneof(
  fc.constantFrom(opened('2026-10-12'), opened('2026-10-13')),
  fc.constant<Draft>({ kind: 'day.closed', data: { day: '2026-10-12' } }),
  fc.constant<Draft>({ kind: 'kiosk.visited', data: { kiosk: 'k', purpose: '' } }),
  fc.tuple(fc.constantFrom(signedIn, signedOut), counter).map(([of, c]) => of(c)),
  fc.nat(3).map((version) => configured(version)),
  fc.option(fc.integer({ min: 1, max: 9 })).map((to) => gap(to)),
  ticket.map((n) => issued(n, n === 1 ? '2026-10-12' : '2026-10-13')),
  fc.tuple(fc.constantFrom(called, serving, done), ticket, counter).map(([of, n, c]) => of(n, c)),
  fc.tuple(ticket, counter, flag).map(([n, c, undelivered]): Draft => {
    return { kind: 'ticket.no_show', data: { ticket: ticketId(n), counter: c, undelivered } }
  }),
  fc.tuple(ticket, flag).map(([n, undelivered]): Draft => {
    return { kind: 'ticket.left', data: { ticket: ticketId(n), reason: 'gave_up', undelivered } }
  }),
  ticket.map((n): Draft => {
    return { kind: 'ticket.voided', data: { ticket: ticketId(n), by: 'x', reason: '' } }
  }),
  ticket.map((n): Draft => {
    return { kind: 'ticket.recalled', data: { ticket: ticketId(n), counter: '1', times: 1 } }
  }),
  fc
    .tuple(ticket, fc.constantFrom('printed', 'likely', 'failed', 'unknown'))
    .map(([n, outcome]): Draft => {
      const data = { ticket: ticketId(n), attempt: 1, outcome, reprint: false }
      return { kind: 'ticket.delivered', data }
    }),
  fc.option(ticket).map((n): Draft => {
    const card = {
      card_type: 'resident',
      subject: HASH,
      sealed: 'a.b.c.d.e',
      warnings: [],
    } as const
    const data = { counter: '1', ticket: n === null ? null : ticketId(n), ...card, warnings: [] }
    return { kind: 'card.verified', data }
  }),
  order.map((id) => entered(id)),
  order.map((id) => entered(id, { ...sale, tenders: [{ tender: 'cash', amount_fen: 17_900 }] })),
  order.map((id) => entered(id, { ...sale, tenders: [{ tender: 'cash', amount_fen: 1 }] })),
  order.map((id) => confirmed(id)),
  order.map((id) => confirmed(id, 'd'.repeat(64))),
  fc.tuple(order, fc.constantFrom(HASH, 'd'.repeat(64))).map(([id, of]) => confirmedByPin(id, of)),
  fc.tuple(order, fc.constantFrom('done', 'failed')).map(([id, of]) => result(id, of)),
  ticket.map((n) => ratingAsked(n)),
  fc.tuple(fc.option(ticket), fc.integer({ min: 1, max: 5 })).map(([n, s]) => ratingGiven(n, s)),
  fc.tuple(fc.constantFrom('d1', 'd2', 'd3'), identity).map(([d, i]) => bound(d, i)),
  fc.tuple(fc.constantFrom('d1', 'd2'), identity, identity).map(([d, a, b]) => replaced(d, a, b)),
)

/** A restart of the gateway here and there, and a wall clock that wanders. */
const anyLog = fc.array(fc.tuple(anyDraft, fc.nat(3), fc.integer({ min: -50, max: 500 })), {
  minLength: 1,
  maxLength: 60,
  size: 'max',
})

const json = new Set(['lines', 'tenders', 'services'])

function plain(rows: Iterable<Record<string, unknown>>): string[] {
  const texts = [...rows].map((row) => {
    const parsed = Object.entries(row).map(([name, value]) => {
      const text = json.has(name) && typeof value === 'string'
      return [name, text ? JSON.parse(value) : typeof value === 'bigint' ? `${value}n` : value]
    })
    return JSON.stringify(parsed.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
  })
  return texts.sort()
}

function postingsOf(row: Row): Record<string, unknown>[] {
  const { place, accounts, amounts_fen, balances_after } = row as EntryRow
  return accounts.map((account, i) => {
    const [amount_fen, balance_after] = [amounts_fen[i], balances_after[i]]
    return { place, line: i + 1, account, amount_fen, balance_after }
  })
}

function withoutPostings(row: Row): Row {
  const { accounts: _, amounts_fen: __, balances_after: ___, ...entry } = row
  return entry
}

describe("the verifier's own folds", () => {
  it('tell the same visits, days, orders, entries, postings, balances and refusals', async () => {
    await fc.assert(
      fc.asyncProperty(anyLog, async (drawn) => {
        const log = logOf(
          'h1',
          drawn.map(([draft], i) => [i * 60, draft] as const),
        )
        log.forEach((booked, i) => {
          const [, boot, drift] = drawn[i]!
          if (boot === 0) booked.record.at.boot = 'b00720000'
          booked.record.at.wall_ms += drift * 1_000
        })
        const rows = await loadRows({ rows: async () => [] }, projections, log)
        const [visits, books] = [new OwnVisits(), new OwnBooks()]
        const [counters, hall] = [new OwnCounters(), new OwnHall()]
        const [floor, devices] = [new OwnRatings(), new OwnBindings()]
        const refused: string[] = []
        const own: string[] = []
        for (const booked of log) {
          const { place, epoch, seq, record } = booked
          for (const r of foldOne(booked, rows)) refused.push(`${place} ${r.code}`)
          const data = record.data as Record<string, unknown>
          const fact = { place, epoch, seq, kind: record.kind, at: record.at, data }
          const codes = [visits.take(fact), books.take(fact)]
          codes.push(floor.take(fact), devices.take(fact))
          for (const code of codes) if (code !== null) own.push(`${place} ${code}`)
          if (codes[0] === null) counters.take(fact)
          hall.take(fact)
          hall.takeLedger(fact)
          hall.takeGap(fact)
        }
        expect(own).toEqual(refused)
        const puts = rows.changes()
        const held = (table: string): Row[] =>
          puts.filter((put) => put.table === table).map((put) => put.row)
        const days = [...visits.days()].map(([day, told]) => ({ day, ...told }))
        const accounts = [...books.accounts].map(([account, sums]) => ({ account, ...sums }))
        expect(plain(visits.visits().values())).toEqual(plain(held('visit')))
        expect(plain(days)).toEqual(plain(held('hall_day')))
        expect(plain(books.orders().values())).toEqual(plain(held('orders')))
        expect(plain(books.entries)).toEqual(plain(held('entry').map(withoutPostings)))
        expect(plain(books.postings)).toEqual(plain(held('entry').flatMap(postingsOf)))
        expect(plain(accounts)).toEqual(plain(held('account')))
        expect(plain(counters.counters().values())).toEqual(plain(held('counter')))
        expect(plain(hall.state().values())).toEqual(plain(held('hall_state')))
        expect(plain(hall.ledgerState().values())).toEqual(plain(held('ledger_state')))
        expect(plain(hall.gaps.values())).toEqual(plain(held('gap')))
        expect(plain(floor.questions().values())).toEqual(plain(held('rating_ask')))
        expect(plain(floor.ratings().values())).toEqual(plain(held('rating')))
        expect(plain(devices.devices().values())).toEqual(plain(held('bound_device')))
        expect(plain(devices.homes().values())).toEqual(plain(held('device_home')))
      }),
      { numRuns: 1_000 },
    )
  })
})
