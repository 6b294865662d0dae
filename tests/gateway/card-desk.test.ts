/** Cards that had to wait for the disk: never another customer's, never behind a later one. */
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Fault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { Card } from '#devices/types/card.ts'
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import { cardDesk } from '../../gateway/compose/cards.ts'
import { createSealer } from '../../gateway/seal/sealer.ts'
import { createSessionKey } from '../../gateway/seal/session-key.ts'
import { pass, Scheduler, seeded } from '../drivers/virtual.ts'
import { type Hall, openForBusiness, openHall } from './local-fixture.ts'

const fields: ResidentText = {
  kind: 'resident',
  name: '欧阳测试',
  sex: '1',
  nation: '01',
  birth: '19900307',
  address: '测试市样例路七号',
  number: '11010519900307123X',
  issuer: '测试市公安局',
  valid_from: '20160101',
  valid_to: '20360101',
  reserved: '',
}
const cardOf = (reading: number, name: string, number: string) =>
  new Card(reading, { text: { ...fields, name, number }, warnings: [] })

/** The hall's real engine; the time between two tries passes only where the test says so. */
async function deskOf(hall: Hall, seal_ms: (card: Pick<Card, 'text'>) => number = () => 0) {
  const sealer = await createSealer({
    hall_key: randomBytes(32),
    sealing_key: (await createSessionKey()).public_key,
  })
  const pace = new Scheduler()
  const submitted: string[] = []
  const lay = cardDesk({
    sealer: {
      async seal(card) {
        await new Promise((done) => setTimeout(done, seal_ms(card)))
        return sealer.seal(card)
      },
    },
    desk: {
      async submit(ask, source) {
        const answer = await hall.desk.submit(ask, source)
        submitted.push(answer.outcome)
        return answer
      },
    },
    state: () => hall.desk.state,
    hall: hall.deps.hall,
    memory: hall.deps.cards,
    pace,
    random: seeded(1),
    logger: silent,
    boot: 'b'.repeat(16),
    today: () => '2026-01-05',
  })
  return { lay, pace, submitted }
}

async function nextCustomer(hall: Hall): Promise<void> {
  await hall.call('clerks', 'POST', '/counters/1/sign-out', { key: 'out', body: {} })
  await hall.call('clerks', 'POST', '/counters/1/sign-in', { key: 'in2', body: { clerk: 'wang' } })
  expect(hall.deps.hall.counter('1')).toMatchObject({ clerk: 'wang' })
}

describe('a card while the disk takes nothing', () => {
  test('is not recorded for whoever stands there when the disk is well again', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const { lay, pace, submitted } = await deskOf(hall)
    hall.failLog(new Fault('commit_failed'))
    lay('1', cardOf(1, '欧阳甲', '11010519900307123X'), 'reader1')
    await expect.poll(() => submitted).toEqual(['refused'])
    hall.failLog(null)
    await nextCustomer(hall)
    await pass(pace, 60_000)
    expect(submitted).toEqual(['refused'])
    expect(hall.deps.hall.counter('1')).toMatchObject({ card_present: false })
  })

  test('is recorded when it is well again and the same customer stands there', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const { lay, pace, submitted } = await deskOf(hall)
    hall.failLog(new Fault('commit_failed'))
    lay('1', cardOf(1, '欧阳甲', '11010519900307123X'), 'reader1')
    await expect.poll(() => submitted).toEqual(['refused'])
    hall.failLog(null)
    await pass(pace, 1_000)
    await expect.poll(() => hall.deps.hall.counter('1')?.card_present).toBe(true)
  })
})

describe('two cards, one right after the other', () => {
  test('stand in the order in which they were laid, however long sealing takes', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const { lay, submitted } = await deskOf(hall, ({ text }) => (text.name === '欧阳甲' ? 80 : 0))
    lay('1', cardOf(1, '欧阳甲', '11010519900307123X'), 'reader1')
    lay('1', cardOf(2, '欧阳乙', '110105194912310021'), 'reader1')
    await expect.poll(() => submitted).toEqual(['recorded', 'recorded'])
    const session = { clerk: 'li', ticket: null }
    await expect.poll(() => hall.deps.cards.read('1', session)?.name).toBe('欧阳乙')
  })
})
