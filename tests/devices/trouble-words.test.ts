/** Every reason this program gives for a state that is not well can be told to people, in both languages. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readerAdvice } from '#devices/types/id-card-reader-words.ts'
import { troubleOf } from '#devices/types/ticket-printer.ts'
import { troubleWords } from '#devices/types/trouble-words.ts'
import { fineCondition } from '#devices/wire/escpos.ts'
import { samStatus } from '#devices/wire/sam.ts'
import { completion_codes } from '#devices/wire/xfs4iot.ts'
import { zt588ErrorOf } from '#devices/wire/zt588.ts'
import { adviceFor } from '../../gateway/floor/advice.ts'

const root = resolve(import.meta.dirname, '../..')

function sources(folder: string): string {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.ts'))
  return files.map((file) => readFileSync(join(root, folder, file), 'utf8')).join('\n')
}

const all = (text: string, form: RegExp) => [...text.matchAll(form)].map((match) => match[1]!)

/** What is no trouble. `closed` is our own doing; the rest of a floor has words for the others. */
const well = ['answers', 'connected', 'heard', 'status', 'not yet connected', 'closed']

/** Whether the page has words, the class's own, the floor's or these. */
function isTold(type: string, reason: string): boolean {
  const told = adviceFor(type, reason) ?? troubleWords(reason)
  return told !== null && /\p{Script=Han}/u.test(told.zh) && /[a-z]/.test(told.en)
}

const untold = (type: string, reasons: readonly string[]) =>
  reasons.filter((reason) => !well.includes(reason) && !isTold(type, reason))

test('every reason written down in a machine, a driver or a transport', () => {
  const text = ['devices/types', 'gateway/drivers', 'gateway/xfs'].map(sources).join('\n')
  const reasons = all(text, /reason: '([^']+)'/g)
  const ends = all(sources('gateway/transports') + sources('gateway/xfs'), /\bend\('([^']+)'\)/g)
  const faults = all(
    sources('gateway/transports') + sources('gateway/drivers'),
    /new Fault\('(device_gone|bus_jammed|unavailable|unsupported|timed_out|overloaded)'/g,
  )
  expect(reasons.length).toBeGreaterThan(15)
  expect(ends.length).toBeGreaterThan(5)
  expect(untold('', [...reasons, ...ends, ...faults])).toEqual([])
})

test('every error of a PIN pad, and one that is not listed', () => {
  const errors = Array.from(
    { length: 16 },
    (_, at) => zt588ErrorOf(String.fromCharCode(0xe0 + at))!,
  )
  expect(untold('pin_pad', errors)).toEqual([])
})

test('every trouble of a printer', () => {
  const names = Object.keys(fineCondition) as (keyof typeof fineCondition)[]
  const troubles = names.flatMap((name) => troubleOf({ ...fineCondition, [name]: true }) ?? [])
  expect(troubles.length).toBeGreaterThan(4)
  expect(untold('ticket_printer', troubles)).toEqual([])
})

test('every code with which a kiosk service refuses', () => {
  expect(untold('xfs4iot', [...completion_codes, 'unknown_code'])).toEqual([])
})

test('what a reader answers to a status command', () => {
  // The others are about a card, which no status command touches.
  const status = [
    'checksum_error',
    'length_error',
    'command_error',
    'not_permitted',
    'unknown_error',
  ]
  const own = readerAdvice.map(({ code }) => code)
  const told = [...status, 'self_test_failed', 'not_authorised']
  expect(Object.keys(samStatus)).toEqual(expect.arrayContaining(told))
  expect(untold('id_card_reader', [...told, ...own])).toEqual([])
})

test('reasons that go on in a device’s own words, and errors of the system', () => {
  const reasons = ['wrong device: class 2', 'unsupported: set_input', 'lamp error, fan warning']
  expect(untold('', [...reasons, 'fan error', 'failure error', 'eio', 'enxio'])).toEqual([])
})

test('nothing is said of what nobody lists', () => {
  expect(troubleWords('张三 11010519491231002X')).toBeNull()
  expect(troubleWords('answers')).toBeNull()
})
