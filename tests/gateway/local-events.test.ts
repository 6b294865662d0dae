/** The stream that pages follow: what they hear, and that none of them can hold the gateway up. */

import { rm } from 'node:fs/promises'
import { get as getHttps } from 'node:https'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  EVENT_CLIENTS_MAX,
  EVENT_CLIENTS_OF_CALLER_MAX,
  EVENTS_WAITING_MAX,
  EventHub,
  type HallEvent,
} from '../../gateway/local/events.ts'
import type { CounterView } from '../../gateway/local/ports.ts'
import { serveLocalApi } from '../../gateway/local/server.ts'
import { realPace } from '../../gateway/pace.ts'
import { makeCertificate } from './local-certificate.ts'
import { type Hall, openForBusiness, openHall } from './local-fixture.ts'

type Heard = { event: string; data: Record<string, unknown> }

/** Follows the stream until `enough` says so. */
async function follow(
  hall: Hall,
  act: () => Promise<void>,
  enough: (heard: Heard[]) => boolean,
): Promise<Heard[]> {
  const abort = new AbortController()
  const headers = { authorization: `Bearer ${hall.tokens.kiosk}` }
  const answer = await fetch(`${hall.url}/events`, { headers, signal: abort.signal })
  const heard: Heard[] = []
  let text = ''
  let acted = false
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const parts = text.split('\n\n')
    text = parts.pop()!
    for (const part of parts) {
      const event = /^event: (.*)$/m.exec(part)![1]!
      heard.push({ event, data: JSON.parse(/^data: (.*)$/m.exec(part)![1]!) })
    }
    if (!acted && heard.length > 0) {
      acted = true
      await act()
    }
    if (enough(heard)) break
  }
  abort.abort()
  return heard
}

describe('the stream', () => {
  test('begins with the counters and tells a call once, a second call as second', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await hall.call('kiosk', 'POST', '/tickets', { key: 'p', body: { service: 'cash' } })
    const act = async () => {
      await hall.call('clerks', 'POST', '/counters/1/call-next', { key: 'n' })
      // What is shown is asserted again, as after a reconnect: nobody is called by that.
      await hall.desk.reload()
      await hall.call('clerks', 'POST', '/counters/1/recall', { key: 'r' })
      await hall.call('clerks', 'POST', '/counters/1/serve', { key: 's' })
      await hall.call('clerks', 'POST', '/counters/1/done', { key: 'd' })
    }
    const statesOf = (heard: Heard[]) =>
      heard
        .filter(({ event }) => event === 'counter')
        .map(({ data }) => data.counter as CounterView)
        .filter(({ counter }) => counter === '1')
        .map(({ ticket }) => ticket?.state ?? 'none')
    const doneHeard = (heard: Heard[]) => statesOf(heard).join(' ').endsWith('serving none')
    const heard = await follow(hall, act, doneHeard)
    expect(heard[0]).toMatchObject({ event: 'hello', data: { counters: [{ clerk: 'li' }, {}] } })
    const calls = heard.filter(({ event }) => event === 'call').map(({ data }) => data)
    expect(calls).toMatchObject([
      { number: 'A001', counter: '1', times: 0 },
      { number: 'A001', counter: '1', times: 1 },
    ])
    expect(statesOf(heard)).toEqual(['called', 'called', 'called', 'serving', 'none'])
  })

  test('pages that close are forgotten, and the next may come', async () => {
    await using hall = await openHall()
    for (let i = 0; i < 3; i++) {
      await follow(
        hall,
        () => Promise.resolve(),
        () => true,
      )
    }
    await expect.poll(() => hall.deps.events.clients).toBe(0)
  })

  test('a page that does not read is cut off and holds nobody up', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const socket = connect(Number(new URL(hall.url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      `GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${hall.tokens.kiosk}\r\n\r\n`,
    )
    await expect.poll(() => hall.deps.events.clients).toBe(1)
    socket.pause()
    const closed = new Promise((resolve) => socket.on('close', resolve))
    const view = hall.deps.hall.counter('1')!
    // Far more than the sockets of both ends can hold.
    const services = Array.from({ length: 2_000 }, (_, i) => `service-${i}`)
    for (let i = 0; hall.deps.events.cutOff === 0 && i < 10_000; i++) {
      hall.deps.events.publish({ type: 'counter', counter: { ...view, services } })
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(hall.deps.events).toMatchObject({ cutOff: 1, clients: 0 })
    socket.resume()
    await closed
    expect((await hall.call('kiosk', 'GET', '/day')).status).toBe(200)
  })

  test('closing the server ends open pages', async () => {
    const hall = await openHall()
    const ended = follow(
      hall,
      () => hall[Symbol.asyncDispose](),
      () => false,
    ).catch(() => [])
    await ended
  })
})

describe('the hub', () => {
  const event: HallEvent = { type: 'queue', service: 'cash', waiting: 1 }

  test('one page behind does not touch the others', async () => {
    const hub = new EventHub()
    let cut = 0
    const slow = hub.connect('page', () => cut++)!
    const quick = hub.connect('page', () => cut++)!
    let heard = 0
    for (let i = 0; i <= EVENTS_WAITING_MAX; i++) {
      hub.publish(event)
      heard += (await quick.next())!.length
    }
    expect([cut, hub.clients, heard]).toEqual([1, 1, EVENTS_WAITING_MAX + 1])
    expect(await slow.next()).toBeNull()
  })

  test('has room for so many pages and no more', () => {
    const hub = new EventHub()
    const pages = Array.from({ length: EVENT_CLIENTS_MAX }, (_, i) =>
      hub.connect(`page-${i}`, () => {}),
    )
    expect(hub.connect('one more', () => {})).toBeNull()
    pages[0]!.close()
    expect(hub.connect('one more', () => {})).not.toBeNull()
  })

  test('leaves room beside a token that opens as many as it can', () => {
    const hub = new EventHub()
    const taken = Array.from({ length: EVENT_CLIENTS_MAX }, () => hub.connect('kiosk', () => {}))
    expect(taken.filter((client) => client !== null)).toHaveLength(EVENT_CLIENTS_OF_CALLER_MAX)
    expect(hub.connect('board', () => {})).not.toBeNull()
    taken[0]!.close()
    expect(hub.connect('kiosk', () => {})).not.toBeNull()
  })
})

const certificate = makeCertificate()
describe.skipIf(certificate === null)('over TLS', () => {
  test('the API is served on any address, and not in the clear beside', async () => {
    const { pem, folder, ...tls } = certificate!
    await using hall = await openHall()
    await using server = await serveLocalApi(
      hall.deps,
      { host: '0.0.0.0', port: 0, tls },
      { pace: realPace },
    )
    const port = new URL(server.url).port
    expect(server).toMatchObject({ insecure: false, url: `https://0.0.0.0:${port}` })
    const headers = { authorization: `Bearer ${hall.tokens.kiosk}` }
    const status = await new Promise((resolve, reject) => {
      const ask = { host: '127.0.0.1', port, path: '/day', ca: pem, headers, agent: false }
      getHttps(ask, (answer) => resolve(answer.resume().statusCode)).on('error', reject)
    })
    expect(status).toBe(200)
    await expect(fetch(`http://127.0.0.1:${port}/day`)).rejects.toThrow()
    await rm(folder, { recursive: true })
  })
})
