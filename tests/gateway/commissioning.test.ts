/** The installer's routes: the report to sign, the confirmation of a device, touch and addresses. */
import { describe, expect, it } from 'vitest'
import { Fault } from '#devices/std/fault.ts'
import type { Installation } from '../../gateway/local/ports.ts'
import { device, type Hall, openHall } from './local-fixture.ts'

const calls: unknown[] = []
const installation: Installation = {
  async confirm(name, identity, by) {
    calls.push([name, identity, by])
    if (name === 'nobody') throw new Fault('not_found', name)
    return { outcome: 'recorded', repeat: false, subject: { device: name } }
  },
  setAddress: async () => 'taken',
  setPanel: async () => {},
  touch: {
    view: () => ({ until_ms: 5, touched: [{ device: 'reader-1', at_ms: 4 }] }),
    begin: (minutes) => calls.push(['begin', minutes]),
    end: () => calls.push(['end']),
  },
}

async function withHall(run: (hall: Hall) => Promise<void>, devices = [device]): Promise<void> {
  calls.length = 0
  await using hall = await openHall({ devices })
  hall.deps.installation = () => installation
  await run(hall)
}

describe('the installer', () => {
  it('confirms what answers at a place, in his own name; nobody else may', () =>
    withHall(async ({ call }) => {
      const body = { identity: 'SAM-2' }
      const path = '/devices/reader-1/binding'
      expect((await call('installer', 'POST', path, { body })).status).toBe(200)
      expect(calls).toEqual([['reader-1', 'SAM-2', 'installer']])
      expect((await call('counter-1', 'POST', path, { body })).status).toBe(403)
      expect((await call(null, 'POST', path, { body })).status).toBe(401)
      expect((await call('installer', 'POST', '/devices/nobody/binding', { body })).status).toBe(
        404,
      )
      const empty = await call('installer', 'POST', path, { body: { identity: '' } })
      expect(empty.status).toBe(422)
    }))

  it('begins and ends identify by touch, for a quarter of an hour at most', () =>
    withHall(async ({ call }) => {
      const ask = (minutes: number) => call('installer', 'POST', '/touch', { body: { minutes } })
      expect((await ask(5)).json).toEqual({
        until_ms: 5,
        touched: [{ device: 'reader-1', at_ms: 4 }],
      })
      expect((await ask(0)).status).toBe(200)
      expect((await ask(16)).status).toBe(422)
      expect(calls).toEqual([['begin', 5], ['end']])
      expect((await call('kiosk', 'GET', '/touch')).status).toBe(403)
    }))

  it('hears how giving an address went', () =>
    withHall(async ({ call }) => {
      const answer = await call('installer', 'POST', '/devices/pad-1/address')
      expect(answer.json).toEqual({ device: 'pad-1', outcome: 'taken' })
    }))

  it('is told to wait while the devices are not started', async () => {
    await using hall = await openHall({ devices: [device] })
    const answer = await hall.call('installer', 'GET', '/touch')
    expect(answer.status).toBe(503)
  })
})

describe('the commissioning report', () => {
  const html = async ({ url, tokens }: Hall) => {
    const headers = { authorization: `Bearer ${tokens.installer}` }
    return (await fetch(`${url}/commissioning`, { headers })).text()
  }

  it('lists every device with what is left to do, and says when nothing is', async () => {
    const broken = {
      ...device,
      ...{ device: 'printer-1', state: 'user_error' as const, reason: 'paper_out' },
      advice: { zh: '请装入纸卷', en: 'Put in a roll' },
    }
    await withHall(
      async (hall) => {
        const report = await html(hall)
        expect(report).toContain('验收单')
        expect(report).toContain('SAM 05.03-20260101-0000000001')
        expect(report).toContain('请装入纸卷 Put in a roll')
        expect(report).toContain('1 台设备有待处理 · 1 device(s) need attention')
      },
      [device, broken],
    )
    await withHall(async (hall) => {
      expect(await html(hall)).toContain('全部设备工作正常 · Every device works')
    })
  })

  it('names types, states and supplies in both languages, as whoever signs it reads one of them', () =>
    withHall(
      async (hall) => {
        const report = await html(hall)
        expect(report).toContain('身份证阅读器 ID-card reader')
        expect(report).toContain('离线 offline (device_gone)')
        expect(report).toContain('纸 paper: 将尽 low')
      },
      [
        {
          ...device,
          ...{ type: 'id_card_reader', state: 'offline', reason: 'device_gone' },
          consumables: { paper: 'low' },
        },
      ],
    ))

  it('shows what a device calls itself as text, never as markup', () =>
    withHall(
      async (hall) => {
        const report = await html(hall)
        expect(report).not.toContain('<img')
        expect(report).toContain('&lt;img src=x onerror=alert(1)&gt;')
      },
      [{ ...device, identity: '<img src=x onerror=alert(1)>' }],
    ))
})

describe('a configuration that allows links in clear', () => {
  /** What the page, /status and the report say, and whether a card may cross to its counter. */
  const told = async (insecure: boolean) => {
    await using hall = await openHall({ insecure, devices: [device] })
    const headers = { authorization: `Bearer ${hall.tokens.installer}` }
    const text = async (path: string) => (await fetch(hall.url + path, { headers })).text()
    const { json } = await hall.call('installer', 'GET', '/status')
    const card = await hall.call('counter-1', 'GET', '/counters/1/card')
    const report = await text('/commissioning')
    return {
      page: /data-insecure="(\w+)"/.exec(await text('/'))?.[1],
      status: json.insecure,
      report: ['配置允许未加密的连接', 'allows links without encryption'].map((words) =>
        report.includes(words),
      ),
      served_clear: hall.server.insecure,
      card: card.json.code,
    }
  }

  it('is told on the page, in /status and in the report, also where this link is loopback', async () => {
    expect(await told(true)).toEqual({
      ...{ page: 'yes', status: true, report: [true, true], served_clear: false },
      // Nobody else can read this link.
      card: 'not_found',
    })
  })

  it('is told nowhere where there is none', async () => {
    expect(await told(false)).toEqual({
      ...{ page: 'no', status: false, report: [false, false], served_clear: false },
      card: 'not_found',
    })
  })
})
