/** Cards on their way to and from other programs: never in clear, to the right key only. */
import {
  CompactEncrypt,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose'
import { describe, expect, test } from 'vitest'
import { Fault } from '#devices/std/fault.ts'
import { Card } from '#devices/types/card.ts'
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import { type Hall, openForBusiness, openHall } from '../local-fixture.ts'
import { greeted, type Message } from './client.ts'

const ALG = 'ECDH-ES+A256KW'
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
const canaries = [fields.name, fields.number, fields.address].flatMap((text) => [
  text,
  JSON.stringify(text).slice(1, -1),
  Buffer.from(text).toString('hex'),
  ...[0, 1, 2].map((at) =>
    Buffer.from(' '.repeat(at) + text)
      .toString('base64url')
      .slice(4, -4),
  ),
])

async function layCard(hall: Hall, counter: string): Promise<void> {
  const { clerk, ticket } = hall.deps.hall.counter(counter)!
  const card = new Card(1, { text: fields, warnings: [] })
  hall.deps.cards.put(counter, card, { clerk, ticket: ticket?.ticket ?? null })
}

async function clientKey(crv: string): Promise<{ key: JWK; open(jwe: unknown): Promise<Message> }> {
  const { publicKey, privateKey } = await generateKeyPair(ALG, { crv, extractable: true })
  const { kty, x, y } = await exportJWK(publicKey)
  const key = { kty, crv, x, ...(y === undefined ? {} : { y }) } as JWK
  return {
    key,
    async open(jwe) {
      const { plaintext } = await compactDecrypt(String(jwe), privateKey)
      return JSON.parse(new TextDecoder().decode(plaintext)) as Message
    },
  }
}

describe('the card to a client', () => {
  test.each(['P-256', 'X25519'])('is encrypted to the key of its session, %s', async (crv) => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await hall.call('clerks', 'POST', '/counters/2/sign-in', { key: 'i2', body: { clerk: 'wu' } })
    const own = await clientKey(crv)
    await using kiosk = await greeted(hall.url, hall.tokens['kiosk-2'], { key: own.key })
    await layCard(hall, '2')
    expect(await kiosk.hears(({ type }) => type === 'card')).toEqual({
      type: 'card',
      counter: '2',
      present: true,
    })
    const { status, body } = await kiosk.ask('GET', '/counters/2/card')
    expect(status).toBe(200)
    const { jwe } = body as Message
    expect(await own.open(jwe)).toEqual({ v: 1, counter: '2', fields })
    const said = JSON.stringify(kiosk.heard)
    for (const canary of canaries) expect(said).not.toContain(canary)
    const stranger = await clientKey(crv)
    await expect(stranger.open(jwe)).rejects.toThrow()
  })

  test('without a key there is none, and none of another counter', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await layCard(hall, '1')
    await using clerk = await greeted(hall.url, hall.tokens['counter-1'])
    expect(await clerk.ask('GET', '/counters/1/card')).toMatchObject({ status: 422 })
    const own = await clientKey('P-256')
    clerk.send({ type: 'hello', key: own.key })
    const { body } = await clerk.ask('GET', '/counters/1/card')
    expect(await own.open((body as Message).jwe)).toMatchObject({ fields })
    for (const who of ['kiosk', 'kiosk-2', 'counter-2', 'clerks', 'installer'] as const) {
      await using other = await greeted(hall.url, hall.tokens[who], { key: own.key })
      expect([who, (await other.ask('GET', '/counters/1/card')).status]).toEqual([who, 403])
    }
  })

  test('over HTTP the same to a key in the request; keys that are none are refused', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await layCard(hall, '1')
    const own = await clientKey('P-256')
    const ask = (key: unknown) =>
      hall.call('counter-1', 'POST', '/counters/1/card', { body: { key } })
    expect(await own.open((await ask(own.key)).json.jwe)).toMatchObject({ fields })
    const { x } = own.key
    const off = { kty: 'EC', crv: 'P-256', x, y: x }
    const secret = { ...own.key, d: x }
    for (const key of [off, secret, { kty: 'oct', k: 'AAAA' }, { ...own.key, crv: 'P-521' }, 7]) {
      const answer = await ask(key)
      expect(answer.status).toBe(422)
      for (const canary of canaries) expect(JSON.stringify(answer.json)).not.toContain(canary)
    }
    await using open = await openHall({ host: '0.0.0.0', insecure: true })
    await openForBusiness(open)
    await layCard(open, '1')
    const answer = await open.call('counter-1', 'POST', '/counters/1/card', {
      body: { key: own.key },
    })
    expect(answer.json.code).toBe('insecure')
  })
})

async function sealedTo(hall: Hall, value: unknown): Promise<string> {
  const answer = await hall.call('counter-1', 'GET', '/session-key')
  const key = await importJWK(answer.json.key as JWK, ALG)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: ALG, enc: 'A256GCM' })
    .encrypt(key)
}

describe('the result of a reader that is not ours', () => {
  const result = { v: 1, counter: '1', card: fields }

  test('is recorded as a card that was laid, once for its key, and shown at its counter', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const jwe = await sealedTo(hall, result)
    const hand = (key: string) =>
      hall.call('counter-1', 'POST', '/identity-results', { key, body: { counter: '1', jwe } })
    expect(await hand('r1')).toMatchObject({ status: 200, json: { repeat: false, counter: '1' } })
    expect(await hand('r1')).toMatchObject({ status: 200, json: { repeat: true } })
    expect(hall.deps.hall.counter('1')).toMatchObject({ card_present: true })
    const shown = await hall.call('counter-1', 'GET', '/counters/1/card')
    expect(shown.json.fields).toEqual(fields)
  })

  test('that is handed in again is not shown to whoever stands there by then', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const jwe = await sealedTo(hall, result)
    const hand = (key: string, text = jwe) =>
      hall.call('counter-1', 'POST', '/identity-results', {
        key,
        body: { counter: '1', jwe: text },
      })
    expect((await hand('r1')).status).toBe(200)
    for (const [key, step] of [
      ['out', 'sign-out'],
      ['in-2', 'sign-in'],
    ] as const) {
      const body = step === 'sign-in' ? { clerk: 'wang' } : {}
      const answer = await hall.call('clerks', 'POST', `/counters/1/${step}`, { key, body })
      expect(answer.status).toBe(200)
    }
    const seen = () => hall.call('counter-1', 'GET', '/counters/1/card')
    expect((await seen()).status).toBe(404)
    // An answer that was lost and asked for again, late.
    expect((await hand('r1')).json.repeat).toBe(true)
    expect((await seen()).status).toBe(404)
    // The same result as another card, also with its last character spelt otherwise.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = jwe.slice(0, -1) + last[last.indexOf(jwe.at(-1)!) ^ 1]
    for (const [key, text] of [
      ['r2', jwe],
      ['r3', other],
    ] as const) {
      expect((await hand(key, text)).json.code).toBe('forbidden')
    }
    expect(hall.deps.hall.counter('1')).toMatchObject({ card_present: false })
    // The same card laid again is another result.
    expect((await hand('r4', await sealedTo(hall, result))).status).toBe(200)
  })

  test('that the disk did not take may be handed in anew', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const jwe = await sealedTo(hall, result)
    const hand = (key: string) =>
      hall.call('counter-1', 'POST', '/identity-results', { key, body: { counter: '1', jwe } })
    hall.failLog(new Fault('commit_failed'))
    expect((await hand('r1')).json.code).toBe('commit_failed')
    hall.failLog(null)
    expect((await hand('r2')).status).toBe(200)
  })

  test('what is no card, not for here, or from another run is refused and quotes nothing', async () => {
    await using hall = await openHall()
    await using other = await openHall()
    await openForBusiness(hall)
    const hand = async (jwe: string, who: 'counter-1' | 'clerks' | 'kiosk-2' = 'counter-1') => {
      const body = { counter: '1', jwe }
      const answer = await hall.call(who, 'POST', '/identity-results', { key: 'k', body })
      for (const canary of canaries) expect(JSON.stringify(answer.json)).not.toContain(canary)
      return [answer.status, answer.json.code]
    }
    const good = await sealedTo(hall, result)
    const refused: [unknown, unknown][] = [
      [await hand(await sealedTo(other, result)), [400, 'malformed']],
      [await hand(`${good.slice(0, -4)}AAAA`), [400, 'malformed']],
      [await hand('a.b.c.d.e'), [400, 'malformed']],
      [await hand('not a jwe'), [422, 'invalid']],
      [await hand(await sealedTo(hall, `{"name":"${fields.name}`)), [400, 'malformed']],
      [await hand(await sealedTo(hall, { ...result, counter: '2' })), [403, 'forbidden']],
      [await hand(await sealedTo(hall, { ...result, v: 2 })), [422, 'invalid']],
      [
        await hand(await sealedTo(hall, { ...result, card: { ...fields, name: '' } })),
        [422, 'invalid'],
      ],
      [
        await hand(await sealedTo(hall, { ...result, card: { ...fields, kind: 'x' } })),
        [422, 'invalid'],
      ],
      [
        await hand(await sealedTo(hall, { ...result, card: { ...fields, x: '1' } })),
        [422, 'invalid'],
      ],
      [
        await hand(
          await sealedTo(hall, { ...result, card: { ...fields, name: fields.name.repeat(9) } }),
        ),
        [422, 'invalid'],
      ],
      [await hand(good, 'clerks'), [403, 'forbidden']],
      [await hand(good, 'kiosk-2'), [403, 'forbidden']],
    ]
    for (const [got, wanted] of refused) expect(got).toEqual(wanted)
    expect(hall.deps.hall.counter('1')?.card_present).toBe(false)
    for (const canary of canaries) expect(hall.logged.join()).not.toContain(canary)
  })

  test('the key is another one in every run', async () => {
    await using one = await openHall()
    await using two = await openHall()
    const keys = [one, two].map(
      async (hall) => (await hall.call('kiosk', 'GET', '/session-key')).json,
    )
    const [first, second] = await Promise.all(keys)
    expect(first).not.toEqual(second)
    expect(JSON.stringify(first)).not.toContain('"d"')
  })
})
