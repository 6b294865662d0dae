/**
 * Changes by a hand that knows the tables and puts everything beside the change right again: what is
 * taken away is balanced and explained by a made-up refusal. No word of the database counts for it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commit } from '../../cloud/intake/commit.ts'
import { projections } from '../../cloud/projections.ts'
import type { Finding } from '../../cloud/verify/findings.ts'
import { silent } from '../../devices/std/log.ts'
import { again, batchesOf, draftText, makeEpoch } from './epochs.ts'
import { called, done, issued, opened, stamp } from './log-maker.ts'
import { type Booked, bookBusyLog, HALL } from './verify-fixture.ts'

let booked: Booked

beforeAll(async () => {
  booked = await bookBusyLog()
})
afterAll(() => booked?.[Symbol.asyncDispose]())

const FIRST = '1'.padStart(32, '0')

/** Beside the rows `r` of a `with`: the record there was refused by the projection for its form. */
const refusedForItsForm = (projection: string, version: number) => `
  insert into rejection
  select r.hall, '${projection}', r.build, r.place, ${version}, s.epoch, s.first + r.place - s.place, 'invalid'
  from r join segment s on s.hall = r.hall and r.place between s.place and s.place + s.last - s.first`

/** The last sale, with the order put back to what it was before, and what it posted taken back. */
const saleHidden = `
  with r as (select * from entry where kind = 'sale' order by place desc limit 1),
  order_put_back as (
    update orders o set state = 'entered', confirmed_ms = null, entry_place = null
    from r where o.order_id = r.order_id
  ),
  posted as (select unnest(accounts) account, unnest(amounts_fen) fen from r),
  balanced as (
    update account a set balance = a.balance - p.fen,
      debit_fen = a.debit_fen - greatest(p.fen, 0), credit_fen = a.credit_fen + least(p.fen, 0)
    from posted p where a.account = p.account
  ),
  gone as (delete from entry e using r where e.place = r.place)
  ${refusedForItsForm('ledger', 2)}`

const gapHidden = `
  with r as (delete from gap returning *)
  ${refusedForItsForm('gaps', 1)}`

/** A record's `what`, `which` and text, as `account till/3 is missing`. */
const told = ({ what, which, text }: Finding) => `${what} ${which} ${text}`

describe('verification names', () => {
  const changes: [string, string, string[]][] = [
    [
      'a sale that is gone, its accounts in balance, behind a refusal made up for it',
      saleHidden,
      [
        'rejection ledger 142 is invalid, by the log not refused',
        'order o21 state is entered, by the log confirmed',
        'entry 142 is missing',
        'posting 142/1 is missing',
        'account till/3 balance is 150000, by the log 160000',
      ],
    ],
    [
      'a gap that is gone behind a refusal made up for it',
      gapHidden,
      ['rejection gaps 147 is invalid, by the log not refused', 'gap 147 is missing'],
    ],
    [
      'a refusal for its meaning that is said to be one for its form',
      `update rejection set code = 'invalid' where code = 'not_found'`,
      ['rejection ledger 131 code is invalid, by the log not_found'],
    ],
    [
      'the record that a refusal for its form names',
      `update rejection set seq = 99, epoch = 'zz' where place = 129 and projection = 'visits'`,
      [
        `rejection visits 129 epoch is zz, by the log ${FIRST}`,
        'rejection visits 129 seq is 99, by the log 129',
      ],
    ],
    [
      'every refusal of a record that nobody can read kept quiet',
      'delete from rejection where place = 129',
      ['visits', 'ledger', 'gaps', 'ratings', 'bindings'].map(
        (projection) => `rejection ${projection} 129 is not refused, by the log invalid`,
      ),
    ],
    [
      'a hall whose records are gone with its cursor while what was made of them stays',
      'delete from segment; delete from epoch; delete from hall_cursor',
      [`cursor ${HALL} is missing, though rows of the hall are held`],
    ],
    ...['160000.4', 'NaN'].map((balance): [string, string, string[]] => [
      `a balance of ${balance} by its account`,
      `update account set balance = '${balance}' where account = 'till/3'`,
      [`account till/3 balance is ${balance}, by the log 160000`],
    ]),
    [
      'an amount of an entry that is no whole number by its entry',
      `update entry set total_fen = 17900.5 where place = 142`,
      ['entry 142 total_fen is 17900.5, by the log 17900'],
    ],
  ]
  it.each(changes)('%s', async (_, sql, expected) => {
    const findings = await booked.findingsOf(sql)
    expect(findings.map(told)).toEqual(expect.arrayContaining(expected))
    expect(findings.every(({ hall }) => hall === HALL)).toBe(true)
  })

  it.each(['visit', 'entry', 'account', 'gap', 'rejection', 'origin', 'projection'])(
    'a hall of which only rows of the table %s are left',
    async (left) => {
      const rows = await booked.query(
        `select table_name from information_schema.tables
         where table_schema = current_schema() and table_type = 'BASE TABLE'`,
      )
      const others = rows
        .map(([table]) => String(table))
        .filter((table) => ![left, 'schema_version', 'ledger_id'].includes(table))
      const findings = await booked.findingsOf(others.map((t) => `delete from "${t}"`).join(';'))
      expect(findings.map(told)).toEqual([
        `cursor ${HALL} is missing, though rows of the hall are held`,
      ])
    },
  )

  it('leaves the tests above with a database that agrees', async () => {
    expect((await booked.verdict()).findings).toEqual([])
  })
})

describe('a hall with records of every bad form', () => {
  const OTHER = 'h2'
  const whole = { v: 1, at: stamp(5), data: {} }
  const base = [draftText(opened()), draftText(issued(1)), draftText(called(1), 20)]
  const repeated = again(makeEpoch(1, null, base), 3)
  const told_again = repeated.replace('"was"', '"w\\u0061s"')
  const log = makeEpoch(1, null, [
    ...base,
    told_again,
    JSON.stringify({ ...whole, kind: 'no.such.kind' }),
    JSON.stringify({ ...whole, v: 2, kind: 'ticket.done' }),
    JSON.stringify({ ...whole, kind: 'ticket.done' }),
    'no JSON',
    '[]',
    draftText(done(1), 50),
  ])

  beforeAll(async () => {
    const deps = { store: booked.store, projections, logger: silent }
    for (const batch of batchesOf(log, 100))
      await commit(deps, [{ type: 'batch', hall: OTHER, batch }])
  })

  it('agrees, also where a record says "w\\u0061s" for the place where it stood first', async () => {
    expect(told_again).not.toBe(repeated)
    expect((await booked.verdict({ halls: [OTHER] })).findings).toEqual([])
    const refused = await booked.query(
      `select 1 from rejection where hall = '${OTHER}' and place = 5`,
    )
    expect([refused, log.texts[4]]).toEqual([[], told_again])
  })

  it('is told every code that is not the one by the contract', async () => {
    const held = await booked.query(
      `select place, code from rejection where hall = '${OTHER}' and projection = 'visits' order by place`,
    )
    const codes = held.map(([, code]) => code)
    expect(codes).toEqual(expect.arrayContaining(['unknown_kind', 'unknown_version', 'malformed']))
    for (const [place, code] of held) {
      const other = code === 'too_deep' ? 'invalid' : 'too_deep'
      const of = `hall = '${OTHER}' and projection = 'visits' and place = ${place}`
      const changed = await booked.findingsOf(`update rejection set code = '${other}' where ${of}`)
      expect(changed.map(told)).toEqual([
        `rejection visits ${place} code is ${other}, by the log ${code}`,
      ])
      const quiet = await booked.findingsOf(
        `delete from rejection where hall = '${OTHER}' and place = ${place}`,
      )
      expect(quiet.map(told)).toContain(
        `rejection bindings ${place} is not refused, by the log ${code}`,
      )
    }
  })
})
