/** What leaves for the printer: text where its font has the characters, dots where it has not. */
import { afterAll, describe, expect, it } from 'vitest'
import { TicketPaper } from '#devices/contract/ticket-paper.ts'
import { toHex } from '#devices/std/bytes.ts'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import { createCommandDeframer, type PrinterCommand } from '#devices/wire/escpos.ts'
import { decodeGb18030 } from '../../firmware-sim/models/gb18030.ts'
import { CallPace } from '../../gateway/floor/call-pace.ts'
import { lineOfDots } from '../../gateway/printing/dots.ts'
import { Glyphs } from '../../gateway/printing/glyphs.ts'
import { paperBytes, type TextMode } from '../../gateway/printing/paper.ts'
import unifont from '../golden/unifont.json' with { type: 'json' }

const job: PrintJob = {
  hall: { zh: '中关村营业厅', en: 'Zhongguancun Hall' },
  service: { zh: '开户', en: 'Open an account' },
  number: 'A001',
  people_ahead: 3,
  wait_min: { least: 5, most: 12 },
  counters: ['1', '2'],
  time: '2026-01-05 09:30:00',
  rules: null,
  lines: null,
  reprint: false,
  qr: 'ticket-1',
}

const glyphs = new Glyphs()
afterAll(() => glyphs[Symbol.asyncDispose]())

async function printed(
  wanted: PrintJob,
  mode: TextMode,
): Promise<{ text: string; rasters: Extract<PrinterCommand, { command: 'raster' }>[] }> {
  const bytes = await paperBytes(wanted, mode, glyphs)
  const { frames, discarded } = createCommandDeframer().push(bytes)
  expect(discarded).toEqual([])
  const text = frames.flatMap((frame) =>
    frame.command === 'text' ? [frame.byte] : frame.command === 'line_feed' ? [0x0a] : [],
  )
  const rasters = frames.filter((frame) => frame.command === 'raster')
  return { text: decodeGb18030(Uint8Array.from(text)), rasters }
}

describe('the glyphs', () => {
  it('are those of the font, dot by dot', async () => {
    for (const [character, hex] of Object.entries(unifont.glyphs)) {
      const [glyph] = await glyphs.of(character)
      expect(toHex(glyph!.bytes).replaceAll(' ', '').toUpperCase(), character).toBe(hex)
    }
  })

  it('stand side by side, doubled where they are to be large, and never wider than the slip', async () => {
    const [a] = await glyphs.of('A')
    const line = lineOfDots([a!, a!], 2, 384)
    expect({ width: line.width_bytes, rows: line.rows }).toEqual({ width: 4, rows: 32 })
    const row = (of: typeof line, n: number) =>
      [...of.bytes.slice(n * of.width_bytes, (n + 1) * of.width_bytes)]
        .map((byte) => byte.toString(2).padStart(8, '0'))
        .join('')
    // Row 4 of the A is 0x18: each dot twice as wide and twice as high.
    const twice = '0001100000011000'.replaceAll(/./g, '$&$&')
    expect([row(line, 8), row(line, 9)]).toEqual([twice, twice])
    const cut = lineOfDots(
      Array.from({ length: 40 }, () => a!),
      2,
      384,
    )
    expect(cut.width_bytes).toBe(48)
  })
})

describe('a ticket on a printer with Chinese characters', () => {
  it('is text and says everything in both languages', async () => {
    const { text, rasters } = await printed(job, 'gb18030')
    expect(rasters).toEqual([])
    for (const word of ['中关村营业厅', '开户', 'Open an account', 'A001', '预计等候 5-12 分钟'])
      expect(text).toContain(word)
    for (const word of ['前面还有 3 人', 'Counters: 1, 2', '09:30:00', '过号请重新取号'])
      expect(text).toContain(word)
  })

  it('leaves out what nobody can say yet', async () => {
    const { text } = await printed({ ...job, wait_min: null, counters: [] }, 'gb18030')
    expect(text).not.toMatch(/wait|Counters|等候|null|\{/)
  })

  it('draws a line whose characters are beyond the two-byte part of the code', async () => {
    // U+3400 stands in GB 18030 with four bytes and is in no printer's GBK font.
    const service = { zh: '\u3400业务', en: 'Service' }
    const { text, rasters } = await printed({ ...job, service }, 'gbk')
    expect(rasters).toHaveLength(1)
    expect(text).toContain('中关村营业厅')
    expect(text).not.toContain('业务')
  })
})

describe('a ticket on a printer without Chinese characters', () => {
  it('has every Chinese line as dots, the golden ones, and the rest as text', async () => {
    const lines = TicketPaper.parse({ lines: [{ text: '{hall.zh}' }, { text: '{number}' }] }).lines!
    const hall = { zh: '营', en: '' }
    const { text, rasters } = await printed({ ...job, hall, lines }, 'raster')
    expect(text.trim()).toBe('A001')
    const doubled = unifont.glyphs.营.match(/..../g)!.flatMap((row) => {
      const bits = Number.parseInt(row, 16).toString(2).padStart(16, '0').replaceAll(/./g, '$&$&')
      return [bits, bits]
    })
    const [raster] = rasters
    const rows = Array.from({ length: raster!.rows }, (_, n) =>
      [...raster!.bytes.slice(n * 4, n * 4 + 4)]
        .map((b) => b.toString(2).padStart(8, '0'))
        .join(''),
    )
    expect(rows).toEqual(doubled)
  })
})

describe("a hall's own paper", () => {
  it('is refused when it names what no ticket has', () => {
    expect(TicketPaper.safeParse({ lines: [{ text: '{name} {number}' }] }).success).toBe(false)
    expect(TicketPaper.safeParse({ lines: [{ text: '{hall.zh} {number}' }] }).success).toBe(true)
  })

  it('never goes without the mark of a repeat', async () => {
    const lines = TicketPaper.parse({ lines: [{ text: '{number}', size: 'large' }] }).lines!
    const { text } = await printed({ ...job, lines, reprint: true }, 'gb18030')
    expect(text).toContain('补打')
  })

  it('cannot be made to print one field inside another', async () => {
    const lines = TicketPaper.parse({ lines: [{ text: '{hall.zh}' }] }).lines!
    const { text } = await printed({ ...job, hall: { zh: '{qr}', en: '' }, lines }, 'gb18030')
    expect(text.trim()).toBe('{qr}')
  })
})

describe('the wait that is printed', () => {
  it('comes from the last calls of that service, and is not said before there are some', () => {
    const pace = new CallPace()
    const minutes = [0, 4, 9, 13, 20]
    expect(pace.wait('open', 3)).toBeNull()
    minutes.forEach((minute, i) => {
      pace.saw('1', `t${i}`, 'open', minute * 60_000)
      // Shown again is not called again.
      pace.saw('1', `t${i}`, 'open', minute * 60_000 + 30_000)
    })
    expect(pace.wait('open', 3)).toEqual({ least: 12, most: 20 })
    expect(pace.wait('open', 0)).toEqual({ least: 0, most: 5 })
    expect(pace.wait('pay', 3)).toBeNull()
  })
})
