/** What intake makes of every kind of bad input, on any store: refused or kept, counted, never in the way. */
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { AMOUNT_FEN_MAX, BATCH_BYTES_MAX, RECORD_BYTES_MAX } from '#devices/contract/limits.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import { Fault } from '#devices/std/fault.ts'
import type { CloudStore } from '../../cloud/ports.ts'
import { again, birthOf, draftText, makeEpoch, positionIn } from './epochs.ts'
import {
  type Chain,
  chainOf,
  encode,
  goodEpoch,
  goodTexts,
  type Intake,
  intake,
  payloadOf,
} from './intake-fixture.ts'
import { confirmed, entered, HASH, issued, opened, sale } from './log-maker.ts'

export type IntakeUnderTest = {
  open(options?: { ledger?: string }): Promise<CloudStore>
  /** Rows of the ledger as text: order and what it booked. */
  booked(store: CloudStore, hall: string): Promise<string[]>
  /** Rejected records: seq and code. */
  rejected(store: CloudStore, hall: string): Promise<string[]>
  setOwner(store: CloudStore, hall: string, owner: string): Promise<void>
  /** Leaves out what never comes as far as the store. */
  storeOnly?: boolean
}

const ORDER = 17_900

/** A good batch of another hall, and then the rest of this one, still get through. */
async function stillWorks(here: Intake, chain: Chain, from: number): Promise<void> {
  const other = chainOf(goodEpoch())
  const side = payloadOf(other)
  const own = payloadOf(chain, from)
  here.pipeline.take({ topic: 'hw1/other/log', payload: side.payload })
  here.pipeline.take({ topic: 'hw1/h1/log', payload: own.payload })
  await here.pipeline.idle()
  expect(here.answer(side.stamp)).toMatchObject({ status: 'held', seq: other.payloads.length })
  expect(here.answer(own.stamp)).toMatchObject({ status: 'held', seq: chain.payloads.length })
}

const deep = (depth: number) =>
  `{"v":1,"kind":"x","at":{},"data":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`

export function intakeSuite(name: string, under: IntakeUnderTest): void {
  const both = under.storeOnly === true ? () => {} : it
  describe(`intake ${name}`, () => {
    const chain = chainOf(goodEpoch())
    const spoil = (change: (text: string) => string) =>
      encode(change(new TextDecoder().decode(payloadOf(chain).payload)))

    const refused: [string, () => Uint8Array, string][] = [
      ['nothing', () => encode(''), 'malformed'],
      ['no line at all', () => encode('hello'), 'malformed'],
      ['a header that is not JSON', () => spoil((text) => `x${text}`), 'malformed'],
      ['a header that is null', () => encode('null\n{}\n'), 'invalid'],
      [
        'a header of another version',
        () => payloadOf(chain, 1, 3, { v: 2 }).payload,
        'unknown_version',
      ],
      ['a header with a field more', () => spoil((t) => t.replace('{', '{"x":1,')), 'invalid'],
      ['a first below 1', () => payloadOf(chain, 1, 3, { first: 0 }).payload, 'invalid'],
      [
        'a first beyond counting',
        () => payloadOf(chain, 1, 3, { first: 2 ** 60 }).payload,
        'invalid',
      ],
      [
        'a gateway with NUL',
        () => payloadOf(chain, 1, 3, { gateway: 'a\u0000' }).payload,
        'invalid',
      ],
      [
        'a header without records',
        () => spoil((t) => t.slice(0, t.indexOf('\n') + 1)),
        'malformed',
      ],
      ['an empty line between', () => spoil((t) => t.replace(/\n\{/, '\n\n{')), 'malformed'],
      [
        'a header of a megabyte',
        () => encode(`{"v":1,"x":"${'x'.repeat(9e5)}"}\n{}\n`),
        'malformed',
      ],
      ['invalid UTF-8 in the header', () => Uint8Array.of(0x7b, 0xff, 0x7d, 10, 65), 'malformed'],
      [
        'a record too large',
        () => encode(`${header(chain)}\n${'x'.repeat(RECORD_BYTES_MAX + 1)}\n`),
        'too_large',
      ],
      ['too many records', () => encode(`${header(chain)}\n${'{}\n'.repeat(1_001)}`), 'too_large'],
      ['too many bytes', () => new Uint8Array(BATCH_BYTES_MAX + 1).fill(65), 'too_large'],
      ['a gzip bomb', () => gzipSync(new Uint8Array(64 * 1024 * 1024)), 'too_large'],
      [
        'a gzip bomb of a good beginning',
        () => gzipSync(Buffer.concat([payloadOf(chain).payload, Buffer.alloc(50 * 1024 * 1024)])),
        'too_large',
      ],
      ['gzip cut short', () => gzipSync(payloadOf(chain).payload).subarray(0, 60), 'malformed'],
      ['gzip that is none', () => Uint8Array.of(0x1f, 0x8b, 1, 2, 3, 4), 'malformed'],
    ]

    both(
      'refuses what is no batch, with a reason that is counted and shown, in nobody’s way',
      async () => {
        const store = await under.open()
        const here = intake(store)
        for (const [what, payload, code] of refused) {
          const counted = here.pipeline.counters().refused[code] ?? 0
          await here.send('h1', payload())
          expect(here.pipeline.counters().refused[code], what).toBe(counted + 1)
        }
        expect(here.receipts).toEqual([])
        expect(here.refused).toEqual(refused.map(() => 'h1'))
        const shown = here.logged.filter(({ event }) => event === 'batch.refused')
        expect(shown.length).toBeGreaterThan(0)
        expect(JSON.stringify(shown)).toContain('too_large')
        await stillWorks(here, chain, 1)
      },
    )

    both('keeps wrong topics out, and counts them', async () => {
      const here = intake(await under.open())
      const { payload } = payloadOf(chain)
      for (const to of ['', 'hw1', 'hw1/h1', 'hw2/h1/log', 'hw1/H_1/log', 'hw1/h1\u0000/log']) {
        here.pipeline.take({ topic: to, payload })
      }
      here.pipeline.take({ topic: 'hw1/h1/log/more', payload })
      here.pipeline.take({ topic: 'hw1/h1/receipt', payload })
      await here.pipeline.idle()
      expect(here.pipeline.counters()).toMatchObject({ refused: { unknown_topic: 6 }, booked: 0 })
      await stillWorks(here, chain, 1)
    })

    both('a presence that is none, or huge, or a death asks for nothing', async () => {
      const here = intake(await under.open())
      const say = (text: string) =>
        here.pipeline.take({ topic: 'hw1/h1/presence', payload: encode(text) })
      say('{')
      say(`{"v":1,"type":"birth","x":"${'x'.repeat(70_000)}"}`)
      say('{"v":1,"type":"death","session":"0123456789abcdef"}')
      await here.pipeline.idle()
      expect(here.receipts).toEqual([])
      expect(here.pipeline.counters().refused.presence).toBeGreaterThanOrEqual(2)
      expect(here.refused).toEqual([])
      await stillWorks(here, chain, 1)
    })

    it('keeps records that no projection can use, each with its code, and books its neighbours', async () => {
      const store = await under.open()
      const here = intake(store)
      const stampOf = (text: string) => JSON.parse(text).at
      const at = stampOf(draftText(opened()))
      const say = (value: object) => JSON.stringify({ v: 1, at, ...value })
      const unbalanced = { ...sale, tenders: [{ tender: 'cash', amount_fen: 1 }] }
      const order = (amount: string) =>
        draftText(entered('odd')).replaceAll('5000', amount).replaceAll('10000', amount)
      const bad: [string, string | Uint8Array, string][] = [
        ['not JSON', '{', 'malformed'],
        ['invalid UTF-8', Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d), 'bad_text'],
        ['a byte order mark', `\ufeff${draftText(opened())}`, 'malformed'],
        ['nested deeply', deep(5_000), 'too_deep'],
        ['nested a little too deeply', deep(17), 'too_deep'],
        ['unknown kind', say({ kind: 'coffee.made', data: {} }), 'unknown_kind'],
        ['a kind from Object', say({ kind: 'constructor', data: {} }), 'unknown_kind'],
        ['unknown version', say({ v: 2, kind: 'day.opened', data: {} }), 'unknown_version'],
        [
          'NUL in a text',
          say({ kind: 'kiosk.visited', data: { kiosk: 'k', purpose: 'a\u0000b' } }),
          'bad_text',
        ],
        [
          'a lone surrogate',
          say({ kind: 'kiosk.visited', data: { kiosk: 'k', purpose: '\ud800' } }),
          'bad_text',
        ],
        [
          'a field more',
          say({ kind: 'day.opened', data: { day: '2026-01-05', confirmed_by: null, x: 1 } }),
          'invalid',
        ],
        ['beyond 2^53', order('9007199254740993'), 'invalid'],
        ['a fraction of a fen', order('0.5'), 'invalid'],
        ['a negative amount', order('-5'), 'invalid'],
      ]
      const ledgerOnly: [string, string, string][] = [
        ['does not balance', draftText(entered('odd', unbalanced)), 'order_unbalanced'],
        ['confirms what nobody entered', draftText(confirmed('nobody')), 'not_found'],
        ['confirms twice', draftText(confirmed('o-1')), 'order_final'],
      ]
      const own = goodEpoch()
      const more = [...bad, ...ledgerOnly].flatMap(([, text], i) => [
        text,
        ...goodTexts(10 + i, 10 + i),
      ])
      const spoilt = chainOf(own, more)
      const receipt = await here.book('h1', spoilt)
      expect(receipt).toMatchObject({ status: 'held', seq: spoilt.payloads.length })
      const first = own.texts.length + 1
      const expected = [...bad, ...ledgerOnly].map(([, , code], i) => `${first + 3 * i} ${code}`)
      const rejected = await under.rejected(store, 'h1')
      expect([...new Set(rejected)].sort()).toEqual([...expected].sort())
      expect(receipt.rejected.length).toBeGreaterThan(0)
      const orders = await under.booked(store, 'h1')
      expect(orders.filter((row) => row.endsWith(` ${ORDER}`)).length).toBe(
        2 + bad.length + ledgerOnly.length,
      )
      // Sent once more, all of it is held, nothing is booked twice, and who lost the receipt hears
      // again what was refused. So does a gateway that was started anew.
      const seqs = (of: Receipt | undefined) => new Set(of?.rejected.map(({ seq }) => seq))
      const again = await here.book('h1', spoilt)
      expect(again).toMatchObject({ status: 'held', epoch: own.epoch })
      expect(seqs(again)).toEqual(seqs(receipt))
      const birth = birthOf(own, spoilt.payloads.length)
      here.pipeline.take({ topic: 'hw1/h1/presence', payload: encode(JSON.stringify(birth)) })
      await here.pipeline.idle()
      expect(seqs(here.answer(birth.sent.mono_ms))).toEqual(seqs(receipt))
      expect(await under.booked(store, 'h1')).toEqual(orders)
      expect(await under.rejected(store, 'h1')).toEqual(rejected)
    })

    it('strange times mark a record and never refuse it', async () => {
      const store = await under.open()
      const here = intake(store)
      const times = [0, -62_135_596_800_000, 253_402_300_800_000, Number.MAX_SAFE_INTEGER, -1]
      const texts = times.flatMap((wall_ms, i) =>
        goodTexts(20 + i, 20 + i).map((text) => {
          const record = JSON.parse(text)
          return JSON.stringify({ ...record, at: { ...record.at, wall_ms } })
        }),
      )
      const odd = chainOf(goodEpoch(), texts)
      expect(await here.book('h1', odd)).toMatchObject({ status: 'held', rejected: [] })
      expect(await under.rejected(store, 'h1')).toEqual([])
      expect((await under.booked(store, 'h1')).length).toBe(2 + times.length)
    })

    both('the largest amount is booked to the fen, and sums go beyond it', async () => {
      const store = await under.open()
      const here = intake(store)
      const amount_fen = AMOUNT_FEN_MAX
      const whole = {
        lines: [{ item: 'sim', amount_fen }],
        tenders: [{ tender: 'cash', amount_fen }],
      }
      const texts = [1, 2].flatMap((n) => [
        draftText(entered(`big-${n}`, whole)),
        draftText(confirmed(`big-${n}`)),
      ])
      await here.book('h1', chainOf(makeEpoch(1, null, texts)))
      expect(await under.booked(store, 'h1')).toEqual([
        `big-1 ${AMOUNT_FEN_MAX}`,
        `big-2 ${AMOUNT_FEN_MAX}`,
      ])
    })

    both('an overlap is dropped, a gap appends nothing, both are answered', async () => {
      const store = await under.open()
      const here = intake(store)
      expect(await here.book('h1', chain, 1, 3)).toMatchObject({ status: 'held', seq: 3 })
      expect(await here.book('h1', chain, 5)).toMatchObject({ status: 'gap', seq: 3 })
      expect(await here.book('h1', chain, 2, 4)).toMatchObject({ status: 'held', seq: 4 })
      const old = await here.book('h1', chain, 1, 2)
      expect(old, 'as far as the batch is known to agree').toMatchObject({ status: 'held', seq: 2 })
      expect(await here.book('h1', chain)).toMatchObject({ status: 'held', seq: 6 })
      expect(await under.booked(store, 'h1')).toEqual([`o-1 ${ORDER}`, `o-2 ${ORDER}`])
    })

    it('a log of many pages is one log: what overlaps agrees, or is told where it parts', async () => {
      const here = intake(await under.open())
      const bodies = [draftText(opened()), ...goodTexts(1, 60)]
      const mine = chainOf(makeEpoch(1, null, bodies))
      const last = mine.payloads.length
      expect(await here.book('h1', mine, 1, 100)).toMatchObject({ status: 'held', seq: 100 })
      for (const first of [1, 30, 31, 57, 99, 100])
        expect(await here.book('h1', mine, first, 100)).toMatchObject({ status: 'held', seq: 100 })
      for (const at of [7, 31, 88, 100]) {
        const other = bodies.map((body, i) =>
          i === at - 2 ? draftText(opened('2027-01-01')) : body,
        )
        const fork = chainOf(makeEpoch(1, null, other))
        const told = { status: 'diverged', diverged_at: at, seq: at - 1, hash: mine.hashes[at - 1] }
        expect(await here.book('h1', fork, 3, last), `${at}`).toMatchObject(told)
      }
      expect(await here.book('h1', mine, 60)).toMatchObject({
        ...{ status: 'held', seq: last, hash: mine.hashes[last] },
      })
    })

    it('a fork is told where it parts, and is booked as the epoch that begins there', async () => {
      const store = await under.open()
      const here = intake(store)
      const mine = goodEpoch()
      await here.book('h1', chainOf(mine))
      const fork = chainOf(
        { ...mine, texts: mine.texts.slice(0, 4), hashes: mine.hashes.slice(0, 5) },
        goodTexts(7, 8),
      )
      const diverged = { status: 'diverged', diverged_at: 5, seq: 4, hash: mine.hashes[4] }
      expect(await here.book('h1', fork)).toMatchObject(diverged)
      expect(await here.book('h1', fork, 7), 'beginning at the next in line').toMatchObject({
        status: 'diverged',
      })
      expect(await here.book('h1', fork, 6), 'beginning behind the split').toMatchObject({
        status: 'diverged',
      })
      expect(await under.booked(store, 'h1')).toEqual([`o-1 ${ORDER}`, `o-2 ${ORDER}`])
      // The gateway goes on there: both sides are booked.
      const branch = makeEpoch(2, positionIn(mine, 4), goodTexts(7, 8))
      expect(await here.book('h1', chainOf(branch))).toMatchObject({
        status: 'held',
        epoch: branch.epoch,
      })
      expect(await under.booked(store, 'h1')).toEqual([1, 2, 7, 8].map((n) => `o-${n} ${ORDER}`))
    })

    it('a fact that is appended again is booked once, wherever it stood first', async () => {
      const store = await under.open()
      const here = intake(store)
      const mine = goodEpoch(1, 3)
      await here.book('h1', chainOf(mine), 1, 4)
      // Records 5 to 8 never arrived; 3 and 4 did.
      const carried = [3, 4, 5, 6, 7, 8].map((seq) => again(mine, seq))
      const second = makeEpoch(2, positionIn(mine, 2), carried)
      expect(await here.book('h1', chainOf(second))).toMatchObject({ status: 'held' })
      const third = makeEpoch(3, positionIn(second, 1), carried)
      expect(await here.book('h1', chainOf(third))).toMatchObject({ status: 'held' })
      expect(await under.booked(store, 'h1')).toEqual([1, 2, 3].map((n) => `o-${n} ${ORDER}`))
      expect(await under.rejected(store, 'h1')).toEqual([])
    })

    it('a gateway that lacks what is held is told what was printed since', async () => {
      const store = await under.open()
      const here = intake(store)
      const day = '2026-10-12'
      const tickets = [3, 12, 7].map((n) => draftText(issued(n, day), n))
      const odd = draftText(issued(13, day, 'A99999999999'), 20)
      const mine = makeEpoch(1, null, [draftText(opened(day)), ...tickets])
      await here.book('h1', chainOf(mine))
      const heard = async (seq: number, of = mine) => {
        const birth = birthOf(of, seq)
        here.pipeline.take({ topic: 'hw1/h1/presence', payload: encode(JSON.stringify(birth)) })
        await here.pipeline.idle()
        return here.answer(birth.sent.mono_ms)
      }
      const numbers = { day, used: [{ service: 'PS', to: 12 }] }
      expect(await heard(4), 'put back').toMatchObject({ status: 'held', seq: 5, numbers })
      expect(await heard(5), 'level').not.toHaveProperty('numbers')
      expect(await heard(6), 'ahead').not.toHaveProperty('numbers')
      expect(await heard(1, makeEpoch(9, positionIn(mine, 1), [])), 'elsewhere').toMatchObject({
        numbers,
      })
      const left = makeEpoch(2, positionIn(mine, 5), [draftText(opened(day), 40)])
      await here.book('h1', chainOf(left))
      const closed = { status: 'diverged', diverged_at: 6, epoch: mine.epoch, seq: 5, numbers }
      expect(await heard(5), 'put back to where it was left').toMatchObject(closed)
      expect(await heard(2, left), 'at the head').not.toHaveProperty('numbers')
      const other = makeEpoch(1, null, [draftText(opened(day)), draftText(issued(1, day), 99)])
      expect(await here.book('h1', chainOf(other))).toMatchObject({ status: 'diverged', numbers })
      const third = makeEpoch(3, positionIn(left, 2), [odd])
      expect(await here.book('h1', chainOf(third))).toMatchObject({ status: 'held', seq: 2 })
      const put_back = await heard(2, left)
      expect(put_back?.numbers, 'what no band gives reserves nothing').toEqual(numbers)
    })

    it('a late batch of an epoch that was left is not taken into it', async () => {
      const store = await under.open()
      const here = intake(store)
      const mine = goodEpoch(1, 3)
      await here.book('h1', chainOf(mine), 1, 4)
      const second = makeEpoch(2, positionIn(mine, 4), goodTexts(9, 9))
      await here.book('h1', chainOf(second))
      const late = await here.book('h1', chainOf(mine), 5)
      expect(late).toMatchObject({ status: 'diverged', diverged_at: 5, seq: 4 })
      expect(await here.book('h1', chainOf(mine), 3, 4), 'what is held is held').toMatchObject({
        status: 'held',
      })
      expect(await under.booked(store, 'h1')).toEqual([`o-1 ${ORDER}`, `o-9 ${ORDER}`])
    })

    both(
      'an epoch whose parent nobody knows, or that begins in its middle, is asked to go back',
      async () => {
        const here = intake(await under.open())
        const stranger = makeEpoch(
          2,
          { epoch: 'd'.repeat(32), seq: 9, hash: HASH },
          goodTexts(1, 1),
        )
        const unknown = { status: 'unknown_parent', epoch: null, seq: 0 }
        expect(await here.book('h1', chainOf(stranger))).toMatchObject(unknown)
        expect(await here.book('h1', chain, 3)).toMatchObject(unknown)
        const other = { epoch: 'c'.repeat(32) }
        expect(await here.book('h1', chain, 1, 3, other), 'a name of another').toMatchObject(
          unknown,
        )
        await here.book('h1', chain)
        const wrong = makeEpoch(3, { ...positionIn(goodEpoch(), 4), hash: HASH }, goodTexts(5, 5))
        expect(await here.book('h1', chainOf(wrong))).toMatchObject({
          status: 'unknown_parent',
          seq: 6,
        })
      },
    )

    it('a second gateway with the same credential hears not_owner and books nothing', async () => {
      const store = await under.open()
      const here = intake(store)
      await under.setOwner(store, 'h1', 'gw-1')
      await here.book('h1', chain, 1, 3)
      const stranger = chainOf(makeEpoch(9, null, goodTexts(50, 51)))
      const told = await here.book('h1', stranger, 1, undefined, { gateway: 'gw-2' })
      expect(told).toMatchObject({ status: 'not_owner', gateway: 'gw-2' })
      expect(await here.book('h1', chain, 4, 6, { gateway: 'gw-2' })).toMatchObject({
        status: 'not_owner',
      })
      expect(await here.book('h1', chain, 4)).toMatchObject({ status: 'held', seq: 6 })
      expect(await under.booked(store, 'h1')).toEqual([`o-1 ${ORDER}`, `o-2 ${ORDER}`])
      await under.setOwner(store, 'h1', 'gw-2')
      expect(await here.book('h1', chain)).toMatchObject({ status: 'not_owner' })
      expect(await here.book('h1', stranger, 1, undefined, { gateway: 'gw-2' })).toMatchObject({
        status: 'held',
      })
    })

    both('halls never see one another', async () => {
      const store = await under.open()
      const here = intake(store)
      await here.book('h1', chain)
      expect(await here.book('h2', chain, 3), 'the parent is another hall’s').toMatchObject({
        status: 'unknown_parent',
      })
      expect(await under.booked(store, 'h2')).toEqual([])
    })

    both('a full queue drops what comes, counts it, and takes the next', async () => {
      const here = intake(await under.open())
      const junk = new Uint8Array(1024 * 1024).fill(65)
      const taken = Array.from({ length: 80 }, () =>
        here.pipeline.take({ topic: 'hw1/h1/log', payload: junk }),
      )
      expect(taken.filter((ok) => !ok).length).toBe(here.pipeline.counters().dropped_full)
      expect(here.pipeline.counters().dropped_full).toBeGreaterThan(0)
      await here.pipeline.idle()
      expect(here.pipeline.counters().queue_bytes).toBe(0)
      await stillWorks(here, chain, 1)
    })
  })
}

function header(chain: Chain): string {
  const text = new TextDecoder().decode(payloadOf(chain).payload)
  return text.slice(0, text.indexOf('\n'))
}

/** Throws at one call of the store, again and again or once. */
export function failing(call: string, most = 1): (step: string) => void {
  let left = most
  return (step) => {
    if (step === call && left > 0) {
      left--
      throw new Fault('unavailable', step)
    }
  }
}
