/** The data sheet a maker builds from says what the code does: every table and every frame in it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  address_key_ms,
  broadcast_ms,
  decodeDisplay,
  eventCodes,
  map_magic,
  map_version,
  most_units,
  outcomes,
  places,
  unitClasses,
} from '#devices/wire/register-map.ts'
import { busDefaults } from '../../gateway/drivers/bus.ts'
import { golden } from './support.ts'

const sheet = readFileSync(new URL('../../docs/call-pad-register-map.md', import.meta.url), 'utf8')

/** The rows of the table whose head begins so, as cells. */
function table(head: string): string[][] {
  const lines = sheet.split('\n')
  const at = lines.findIndex((line) => line.startsWith(`| ${head} |`))
  expect(at, head).toBeGreaterThan(0)
  const end = lines.findIndex((line, i) => i > at && !line.startsWith('|'))
  const rows = lines.slice(at + 2, end < 0 ? lines.length : end)
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const numbers = (head: string): Record<string, number> =>
  Object.fromEntries(table(head).map(([name, number]) => [name, Number(number)]))

/** Each register row of a section, as first and last address. */
function registersOf(section: string): [number, number][] {
  const text = sheet.split(`### ${section}\n`)[1]!.split('\n### ')[0]!
  return [...text.matchAll(/^\| ([0-9A-F]{4})(?:-([0-9A-F]{4}))? \|/gm)].map(([, first, last]) => [
    Number.parseInt(first!, 16),
    Number.parseInt(last ?? first!, 16),
  ])
}

describe('the data sheet of the register map', () => {
  it('lists every block at its place', () => {
    const blocks = table('block | first').map(([name, first, count, code]) => ({
      ...{ name, start: Number.parseInt(first!, 16), count: Number(count), code },
    }))
    const own = Object.entries(places).map(([name, { start, count }]) => ({
      ...{ name, start, count, code: start < 0x40 ? '04' : '10' },
    }))
    expect(blocks).toEqual(own)
  })

  it('describes every register of every block, without a gap', () => {
    for (const [section, place] of [
      ['identity', places.identity],
      ['latch and event', places.event],
      ['acknowledge', places.acknowledge],
      ['display', places.display],
      ['prompt', places.prompt],
      ['address', places.address],
    ] as const) {
      let next = place.start
      for (const [first, last] of registersOf(section)) {
        expect(first, section).toBe(next)
        next = last + 1
      }
      expect(next, section).toBe(place.start + place.count)
    }
  })

  it('gives every number its name', () => {
    expect(numbers('class | number')).toEqual(unitClasses)
    expect(numbers('event | code')).toEqual(eventCodes)
    expect(numbers('outcome | number')).toEqual(outcomes)
    for (const [mode, number] of Object.entries(numbers('display mode | number'))) {
      const text = mode === 'number' ? 0x4130 : 0x2020
      expect(decodeDisplay([number, text, 0x2020, 0x2020, 0x2020])?.mode).toBe(mode)
    }
    expect(sheet).toContain(`version ${map_version}`)
    expect(sheet).toContain(`${map_magic.toString(16)} hex (\`HW\`)`)
  })

  it('promises what the gateway keeps', () => {
    expect(sheet).toContain(`| polled units on a bus | at most ${most_units} |`)
    expect(sheet).toContain(`the gateway keeps at least ${busDefaults.gap_ms} ms`)
    expect(sheet).toContain(`nothing follows for ${broadcast_ms} ms`)
    expect(sheet).toContain(`held for at least ${address_key_ms / 1000} s`)
  })

  it('shows frames that were computed apart from the codec', () => {
    type File = {
      exchanges: { request: string; reply: string }[]
      broadcasts?: { request: string }[]
    }
    const files = ['call-pad.json', 'rating-pad.json'].map((name) => golden<File>(name))
    const known = new Set([
      ...files.flatMap(({ exchanges }) => exchanges.flatMap((one) => [one.request, one.reply])),
      ...files.flatMap(({ broadcasts = [] }) => broadcasts.map(({ request }) => request)),
    ])
    const shown = table('meaning | request').flatMap(([, ...frames]) => frames)
    const frames = shown.filter((cell) => cell !== 'none').map((cell) => cell.replaceAll('`', ''))
    expect(frames.length).toBeGreaterThan(12)
    for (const frame of frames) expect([...known]).toContain(frame)
  })

  it('tells makers who read Chinese what matters', () => {
    const summary = sheet.split('## 摘要')[1]!.split('\n## ')[0]!
    for (const word of ['19200', '8E1', '16 台', '确认', '暂停服务', '请求号', '广播']) {
      expect(summary).toContain(word)
    }
  })
})
