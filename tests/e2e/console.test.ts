import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listening, serve } from '../../cloud/http/serve.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { ADMIN, type HttpFixture, LogWriter, openHttp, rules } from '../cloud/http-fixture.ts'
import { confirmed, entered, ratingAsked, ratingGiven, ticketId } from '../cloud/log-maker.ts'
import { type Databases, sharedPostgres } from '../cloud/pg-fixture.ts'
import { arrival, birthOf, build, call, type World } from './console-world.ts'

const CHROMIUM = '/usr/bin/chromium'
const ARGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]
const here = existsSync(CHROMIUM)
if (!here && process.env.CI !== undefined) throw new Error(`${CHROMIUM} is missing in CI`)
if (!here) console.warn(`SKIPPED: the live page is not tested, as ${CHROMIUM} is missing`)

let postgres: Databases
let http: HttpFixture
let world: World
let browser: Browser
let listening: Listening
/** Where the page asked for anything that is not the controller. */
const strangers: string[] = []
const troubles: string[] = []

beforeAll(async () => {
  if (!here) return
  postgres = await sharedPostgres()
  http = await openHttp(await postgres.newDatabase())
  world = await build(http)
  // One that is not given to somebody's outgoing link while nobody listens there.
  const [port] = (await freePorts(1)) as [number]
  listening = await serve(http.app, { host: '127.0.0.1', port, insecure: false })
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
})
afterAll(async () => {
  await browser?.close()
  await listening?.close()
  await http?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

async function open(path: string, locale = 'en-GB'): Promise<Page> {
  const context = await browser.newContext({ locale, viewport: { width: 1440, height: 1000 } })
  const page = await context.newPage()
  page.setDefaultTimeout(100_000)
  page.on('request', (request) => {
    if (!request.url().startsWith(listening.url)) strangers.push(request.url())
  })
  page.on('pageerror', (error) => troubles.push(error.message))
  await page.goto(listening.url + path)
  return page
}

const withCode = (hash = '') => open(`/?login=${http.access.loginCode()}${hash}`)
const panel = (page: Page, name: string) => page.locator(`[data-panel="${name}"]`)
const see = (page: Page, name: string, text: string | RegExp) =>
  panel(page, name).getByText(text).first().waitFor()

describe.runIf(here)('the live page', () => {
  it('lets a newcomer in by the printed address and forgets the code', async () => {
    const page = await withCode()
    await see(page, 'completeness', /unbroken/)
    expect(page.url()).toBe(`${listening.url}/`)
    expect(await page.locator('.hall').count()).toBe(3)
    await page.context().close()
  })

  it('asks for the token otherwise, says when it is wrong, and lets in with the right one', async () => {
    const page = await open('/')
    await page.fill('#token', 'wrong')
    await page.click('button[type=submit]')
    await page.getByText('This token is not valid.').waitFor()
    await page.fill('#token', ADMIN)
    await page.click('button[type=submit]')
    await see(page, 'queue', /waiting/)
    await page.context().close()
  })

  it('shows a new ticket and a call without being asked', async () => {
    const page = await withCode('#/people')
    const [log] = world.logs
    await see(page, 'queue', 'A061')
    await log!.append([arrival(201, 3_241), call(61, 3_242, '2')])
    http.live.publish({ hall: 'people', topics: ['log', 'rows'] })
    await see(page, 'counters', 'A061')
    await see(page, 'calls', 'A061')
    await page.context().close()
  })

  it('shows money with debit equal to credit, and the books of the day', async () => {
    const page = await withCode('#/west')
    await see(page, 'money', 'WeChat Pay')
    await see(page, 'money', /balanced/)
    const { body } = await http.get('/api/halls/west')
    const total = (Number(body.money_today_fen) / 100).toLocaleString('en-US', {
      minimumFractionDigits: 2,
    })
    await see(page, 'money', `¥${total}`)
    await page.context().close()
  })

  it('lists the devices with state, reason and since, those in trouble first', async () => {
    const page = await withCode('#/people')
    await see(page, 'devices', 'pad-2')
    const rows = await panel(page, 'devices').locator('tbody tr').allTextContents()
    expect(rows).toHaveLength(6)
    // Since 2 000 s after the day's start, seen from 3 240 s on.
    expect(rows[0]).toMatch(/^pad-2call padofflinenot there2\dm \d+s$/)
    expect(rows.find((row) => row.startsWith('printer'))).toContain('paper nearly used up')
    await page.getByText('Devices need attention: 1').waitFor()
    await page.context().close()
  })

  it('shows ratings of the day where a hall has any: average, count, unattributed', async () => {
    const page = await withCode('#/people')
    await see(page, 'devices', 'pad-2')
    expect(await panel(page, 'ratings').count()).toBe(0)
    const presses = [ratingAsked(1), ratingGiven(1, 5), ratingAsked(2), ratingGiven(2, 4)]
    const rest = [ratingAsked(3), ratingGiven(null, 1)]
    await world.logs[0]!.append([...presses, ...rest].map((draft, i) => [3_243 + i, draft]))
    http.live.publish({ hall: 'people', topics: ['log', 'rows'] })
    await see(page, 'ratings', '4.50')
    await see(page, 'ratings', '2 of 3 asked')
    expect(await panel(page, 'ratings').locator('.proof b').textContent()).toBe('1')
    await page.goto(`${listening.url}/#/west`)
    await see(page, 'money', 'WeChat Pay')
    expect(await panel(page, 'ratings').count()).toBe(0)
    await page.context().close()
  })

  it('says what is wrong: a gap, a gateway that went, a foreign one', async () => {
    const page = await withCode('#/station')
    await page.getByText('Log has gaps: 1').waitFor()
    const text = new TextDecoder().decode(birthOf(world.logs[2]!, 2))
    const say = (value: object) =>
      http.presence.hear('station', new TextEncoder().encode(JSON.stringify(value)))
    http.presence.setOwner('station', 'gw-7f3a02')
    say({ ...JSON.parse(text), gateway: 'gw-clone', session: 'c'.repeat(16) })
    await page.getByText('Foreign gateway uses this hall’s credential: gw-clone').waitFor()
    say({ v: 1, type: 'death', session: '2'.repeat(16) })
    await page.locator('.head').getByText('Offline').waitFor()
    await see(page, 'devices', /last known/)
    await page.getByText('The gateway is not connected.').waitFor()
    // It goes on recording, so nobody can say that nothing is left there.
    expect(await panel(page, 'completeness').textContent()).toContain(
      'On the gateway onlynot known',
    )
    await page.context().close()
  })

  it('names the records that are not usable, where they are missing and why, in both languages', async () => {
    const page = await withCode('#/west')
    await see(page, 'queue', 'Queue')
    expect(await panel(page, 'rejected').count()).toBe(0)
    await world.logs[1]!.append([call(999, 3_242, '2')])
    http.live.publish({ hall: 'west', topics: ['log', 'rows'] })
    await see(page, 'rejected', 'no such live ticket')
    await see(page, 'rejected', 'visits')
    await page.click('.language')
    await see(page, 'rejected', '没有此有效号票')
    await see(page, 'rejected', '排队记录')
    await page.context().close()
  })

  it('counts a device that is held back among those that need attention, and puts it first', async () => {
    const page = await withCode('#/west')
    const said = JSON.parse(new TextDecoder().decode(birthOf(world.logs[1]!, 1)))
    const back = { state: 'not_configured', reason: 'stranger' }
    const devices = said.devices.map((one: { device: string }) =>
      one.device === 'pad-2' ? { ...one, ...back } : { ...one, state: 'online', reason: 'answers' },
    )
    const birth = { ...said, devices, session: 'e'.repeat(16) }
    http.presence.hear('west', new TextEncoder().encode(JSON.stringify(birth)))
    http.live.publish({ hall: 'west', topics: ['rows'] })
    await page.getByText('Devices need attention: 1').waitFor()
    const first = panel(page, 'devices').locator('tbody tr').first()
    expect(await first.textContent()).toContain('a device nobody registered')
    await page.context().close()
  })

  it('tells a rate by the minute only after it has seen one', async () => {
    const page = await withCode()
    await page
      .locator('header.top')
      .getByText(/records in \d+ s/)
      .waitFor()
    const told = await page.evaluate(
      `import('/console/dom.js').then(({ rateText }) =>
        [59_999, 60_000].map((seen_ms) => rateText({ records: 1200, seen_ms })))`,
    )
    expect(told).toEqual(['1,200 records in 59 s', '1,200 records / min'])
    await page.context().close()
  })

  it('speaks Chinese to a Chinese browser and changes when told to', async () => {
    const page = await open(`/?login=${http.access.loginCode()}`, 'zh-CN')
    await see(page, 'queue', '排队')
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN')
    await page.click('.language')
    await see(page, 'queue', 'Queue')
    await page.reload()
    await see(page, 'queue', 'Queue')
    await page.context().close()
  })

  it('has both languages for every word it says', async () => {
    const page = await withCode()
    await see(page, 'queue', 'Queue')
    for (const [language, queue] of [
      ['en', 'Queue'],
      ['zh', '排队'],
    ] as const) {
      await see(page, 'queue', queue)
      const text = (await page.locator('#app').textContent()) ?? ''
      expect(text).not.toMatch(/\b[a-z]+_[a-z_]+\b/)
      if (language === 'zh') expect(text).not.toMatch(/Waiting|Money|Counter/)
      await page.click('.language')
    }
    await page.context().close()
  })

  it('says that the line is lost, and comes back by itself', async () => {
    const page = await withCode('#/people')
    await see(page, 'queue', 'Queue')
    await listening.close()
    const hourThere = () => Temporal.Now.zonedDateTimeISO(rules.zone).hour
    const hours = [hourThere()]
    await page.getByText(/What you see is from/).waitFor()
    const text = await page.getByText(/What you see is from/).textContent()
    // As everything below it, whatever the zone of whoever looks.
    expect([...hours, hourThere()]).toContain(Number(/from (\d\d):/.exec(text ?? '')?.[1]))
    const { port } = listening
    listening = await serve(http.app, { host: '127.0.0.1', port, insecure: false })
    await page.locator('[data-link=live]').waitFor()
    await world.logs[0]!.append([arrival(202, 3_260)])
    http.live.publish({ hall: 'people', topics: ['log'] })
    await page.getByText(/What you see is from/).waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('shows a hall whose records hold strange texts and times, and goes on with the others', async () => {
    const [hall, reason] = ['strange', '<img src=x onerror=alert(1)>\u202e']
    // A first-rate record that no calendar has a date for.
    const never = 9_000_000_000_000
    const hall_name = { zh: '<b>奇怪</b>', en: '<i>Strange</i>' }
    await http.post('/api/halls', { hall, rules: { ...rules, hall_name } })
    const log = new LogWriter(http.store, hall)
    await log.begin('9'.repeat(32), null)
    const about = { service: 'PS', class: 'ordinary', day: '9999-99-99', ahead: 0 }
    const ticket = ticketId(1)
    await log.append([
      [never, { kind: 'config.applied', data: { version: 1, rules: { ...rules, hall_name } } }],
      [never, { kind: 'day.opened', data: { day: '9999-99-99', confirmed_by: null } }],
      [never, { kind: 'ticket.issued', data: { ticket, number: '<b>\u202e1', ...about } }],
      call(1, never, 'constructor'),
      [never, entered('<script>')],
      [never, confirmed('<script>')],
    ])
    const said = JSON.parse(new TextDecoder().decode(birthOf(log, 0)))
    const devices = said.devices.map((one: object) => ({
      ...one,
      reason,
      since_ms: -never * 1_000,
    }))
    http.presence.hear(hall, new TextEncoder().encode(JSON.stringify({ ...said, devices })))
    const page = await withCode(`#/${hall}`)
    await see(page, 'calls', '<b>')
    await see(page, 'entries', /Service sim/)
    expect(await page.locator('#app img, #app script, #app i:not(.dot)').count()).toBe(0)
    await page.click('[data-hall=people]')
    await page.locator('.head').getByText('Renmin Road').waitFor()
    await page.context().close()
  })

  it('asked nobody but the controller, and broke nowhere', () => {
    expect(strangers).toEqual([])
    expect(troubles).toEqual([])
  })
})
