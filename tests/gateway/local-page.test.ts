/** The installer’s page in a real browser: what it shows, in both languages, and what never. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { realPace } from '../../gateway/pace.ts'
import { Recordings } from '../../gateway/recording/recordings.ts'
import { device, type Hall, type HallOptions, openHall } from './local-fixture.ts'

const executablePath = '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present)
  console.warn('SKIPPED: the installer’s page is not tested, as there is no Chromium here')

describe.skipIf(!present)('the installer’s page', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })
  afterAll(() => browser?.close())

  async function withPage(
    options: HallOptions & { locale?: string },
    look: (page: Page, hall: Hall) => Promise<void>,
  ): Promise<void> {
    const { locale = 'zh-CN', ...served } = options
    await using hall = await openHall(served)
    const page = await browser.newPage({ locale, viewport: { width: 1200, height: 900 } })
    page.setDefaultTimeout(100_000)
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(hall.url)
    await look(page, hall)
    if (process.env.SCREENSHOT !== undefined) {
      await page.screenshot({ path: `${process.env.SCREENSHOT}-${options.host ?? 'local'}.png` })
    }
    expect(problems).toEqual([])
    await page.close()
  }

  /** The text a person sees. */
  async function shown(page: Page, selector: string): Promise<string> {
    return (await page.locator(selector).allInnerTexts()).join('\n')
  }

  async function logIn(page: Page, token: string): Promise<void> {
    await page.fill('#token', token)
    await page.click('#login button')
  }

  test('shows devices, log, link and alarms after the token, in Chinese, then English', async () => {
    const broken = {
      ...device,
      device: 'printer-1',
      type: 'ticket-printer',
      state: 'user_error',
      reason: 'paper_end',
      frames: [],
    } as const
    await withPage({ devices: [device, broken] }, async (page, hall) => {
      expect(await page.isVisible('#content')).toBe(false)
      expect(await page.isVisible('#insecure')).toBe(false)
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await page.isVisible('#login')).toBe(false)
      const text = () => shown(page, 'main')
      for (const part of [
        '在线',
        '需人工处理',
        'paper_end',
        'receipt_hash_differs',
        '-12 ms ± 4 ms',
      ]) {
        expect(await text()).toContain(part)
      }
      expect(await shown(page, '#hall')).toBe('人民路营业厅')
      await page.click('#devices tr:first-child')
      expect(await shown(page, '#frames')).toContain('1295 B')
      await page.click('#lang')
      expect(await text()).toContain('Unbooked records')
      expect(await shown(page, '#hall')).toBe('Renmin Road Hall')
    })
  })

  test('speaks the language of the browser until told otherwise', async () => {
    await withPage({ locale: 'en-GB', devices: [device] }, async (page, hall) => {
      expect(await shown(page, '#login')).toContain('Access token')
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await shown(page, '#facts')).toContain('connected')
    })
  })

  test('has words in both languages for every alarm', async () => {
    await withPage({}, async (page) => {
      // As a text: what runs in the page is none of the test runner's modules.
      const alarms: string[][] = await page.evaluate(
        `import('/words.js').then(({ alarms }) => Object.values(alarms))`,
      )
      expect(alarms.length).toBeGreaterThan(5)
      for (const [zh, en] of alarms) {
        expect(zh).toMatch(/\p{Script=Han}/u)
        expect(en).toMatch(/^[^\p{Script=Han}]+$/u)
      }
    })
  })

  test('says in words why the cloud is away, what the log found out, and of whom a reason speaks', async () => {
    const other = { ...device, state: 'not_configured', reason: 'wrong device: SAM 7' } as const
    await withPage({ devices: [other] }, async (page, hall) => {
      const { status } = hall.deps
      const link = { state: 'waiting', reason: 'connect ECONNREFUSED 10.0.0.1:1883' } as const
      hall.deps.status = async () => {
        const now = await status()
        return { ...now, link: { ...now.link, ...link }, alarms: ['log_restored'] }
      }
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await shown(page, '#facts')).toContain('等待重连 · 控制中心未运行或端口不对')
      expect(await shown(page, '#facts')).toContain(link.reason)
      expect(await shown(page, '#alarms')).toContain('从旧备份恢复')
      expect(await shown(page, '#devices')).toContain('应答的是另一台设备: SAM 7')
      await page.click('#lang')
      expect(await shown(page, '#facts')).toContain(
        'waiting to connect again · nobody listens there',
      )
      expect(await shown(page, '#alarms')).toContain('put back from an older copy')
    })
  })

  test('an alarm of the log goes once the installer says that it was seen', async () => {
    await withPage({}, async (page, hall) => {
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#alarms button')
      const asked: string[] = []
      page.on('dialog', (dialog) => {
        asked.push(dialog.message())
        void (asked.length === 1 ? dialog.dismiss() : dialog.accept())
      })
      await page.click('#alarms button')
      expect(await shown(page, '#alarms')).toContain('receipt_hash_differs')
      await page.click('#alarms button')
      await page.waitForSelector('#alarms:empty', { state: 'attached' })
      expect(asked[1]).toContain('receipt_hash_differs')
    })
  })

  test('a wrong token is refused in words and not kept', async () => {
    await withPage({}, async (page) => {
      await logIn(page, 'hw_wrong')
      await page.waitForSelector('#trouble:not(:empty)')
      expect(await shown(page, '#trouble')).toContain('令牌无效')
      expect(await page.evaluate('JSON.stringify([sessionStorage, localStorage])')).not.toContain(
        'hw_wrong',
      )
    })
  })

  test('names types and reasons in words; what somebody marks stays marked', async () => {
    const pad = { ...device, type: 'rating_pad', state: 'offline', reason: 'device_gone' } as const
    await withPage({ devices: [pad] }, async (page, hall) => {
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await shown(page, '#devices')).toMatch(/评价器.*找不到设备/s)
      await page.locator('#devices .identity').dblclick()
      const marked = () => page.evaluate('getSelection().toString()')
      const text = await marked()
      expect(text).not.toBe('')
      await page.waitForResponse(/\/recordings$/)
      await page.waitForResponse(/\/recordings$/)
      expect(await marked()).toBe(text)
    })
  })

  test('what a device calls itself is text, never markup', async () => {
    const identity = '<img src=x onerror="document.title=1"><b>SAM</b>'
    await withPage({ devices: [{ ...device, identity }] }, async (page, hall) => {
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await shown(page, '#devices')).toContain(identity)
    })
  })

  test('says in red that it is not encrypted, and that cards cross the network', async () => {
    const plain = { ...device, plain_link: true, at: 'tcp://10.0.0.5:7001' }
    const options = { host: '0.0.0.0', insecure: true, devices: [plain] }
    await withPage(options, async (page, hall) => {
      expect(await page.isVisible('#insecure')).toBe(true)
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await shown(page, '#devices .bad')).toContain('明文')
    })
  })

  test('says so on loopback as well, where the configuration allows links in clear', async () => {
    await withPage({ insecure: true }, async (page) => {
      expect(await page.isVisible('#insecure')).toBe(true)
      expect(await shown(page, '#insecure')).toContain('allows links without encryption')
    })
  })

  test('records a device after asking, ends it, and hands the file over, in both languages', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hallway-page-'))
    const parts = { pace: realPace, wall_ms: () => Date.now(), log: silent }
    await using recordings = new Recordings(folder, parts)
    recordings.tap({ device: device.device, type: 'id_card_reader', at: device.at })
    await withPage({}, async (page, hall) => {
      hall.deps.recordings = recordings
      const asked: string[] = []
      page.on('dialog', (dialog) => {
        asked.push(dialog.message())
        void (asked.length === 1 ? dialog.dismiss() : dialog.accept())
      })
      await logIn(page, hall.tokens.installer)
      await page.waitForSelector('#devices tr')
      expect(await page.isVisible('#record')).toBe(false)
      await page.click('#devices tr:first-child')
      await page.click('#record')
      expect(asked[0]).toContain(device.device)
      expect(await recordings.list()).toEqual([])
      await page.click('#record')
      await page.waitForSelector('#record:has-text("结束录制")')
      expect(await shown(page, '#record_note')).toContain('录制中')
      expect(await page.isVisible('#record_file')).toBe(false)
      await page.click('#lang')
      await page.click('#record')
      await page.waitForSelector('#record_file:visible')
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('#record_file')])
      expect(file.suggestedFilename()).toBe(`${device.device}.jsonl`)
      expect(await readFile(await file.path(), 'utf8')).toContain('"type":"id_card_reader"')
      expect(await shown(page, '#record_note')).toContain('recorded')
    })
    await rm(folder, { recursive: true })
  })
})
