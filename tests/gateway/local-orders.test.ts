/** Orders over the local API that two counters bring under one id, and both before either is on disk. */
import { expect, test } from 'vitest'
import { openForBusiness, openHall } from './local-fixture.ts'

const orderOf = (counter: string, fen: number) => ({
  counter,
  lines: [{ item: 'sim-card', amount_fen: fen }],
  tenders: [{ tender: 'cash', amount_fen: fen }],
})

test('one id brought by two counters at once is recorded for one; the other hears wrong_state', async () => {
  await using hall = await openHall()
  await openForBusiness(hall)
  await hall.call('counter-2', 'POST', '/counters/2/sign-in', {
    key: 'in',
    body: { clerk: 'wang' },
  })
  const { desk } = hall.deps
  let asked = 0
  hall.deps.desk = {
    submit(ask, source) {
      asked++
      return desk.submit(ask, source)
    },
  }
  const bodies = { 'counter-1': orderOf('1', 5_000), 'counter-2': orderOf('2', 7) }
  for (const id of ['o-1', 'o-2', 'o-3']) {
    // Nothing is on disk before both have been asked for: neither sees the other beforehand.
    const release = hall.holdLog()
    const before = asked
    const put = (who: keyof typeof bodies) =>
      hall.call(who, 'PUT', `/orders/${id}`, { body: bodies[who] })
    const both = [put('counter-1'), put('counter-2')]
    await expect.poll(() => asked - before).toBe(2)
    release()
    const answers = await Promise.all(both)
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    const [won, lost] = answers[0]!.status === 200 ? answers : answers.toReversed()
    expect(lost!.json).toMatchObject({ code: 'wrong_state' })
    const who = won === answers[0] ? 'counter-1' : 'counter-2'
    const { json: now } = await hall.call(who, 'GET', `/orders/${id}`)
    expect(now).toMatchObject({ ...bodies[who], content_hash: won!.json.content_hash })
    // What was said to be recorded is what can be confirmed, and by nobody else.
    const confirm = (by: typeof who) =>
      hall.call(by, 'POST', `/orders/${id}/confirm`, {
        ...{ key: `c-${id}`, body: { content_hash: won!.json.content_hash } },
      })
    expect((await confirm(who === 'counter-1' ? 'counter-2' : 'counter-1')).status).toBe(403)
    expect((await confirm(who)).status).toBe(200)
  }
})
