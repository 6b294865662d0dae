/** Reading a trace: every case of its data sheet on lines written by hand, and files as they come. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csvReader } from '../../firmware-sim/replay/csv.ts'
import { readTrace, type Visit } from '../../firmware-sim/replay/trace.ts'
import { asFile, head, inPieces, line, smallDay } from './traces.ts'

const read = (text: string, day: string | null = null) => readTrace([text], day)

async function only(text: string): Promise<Visit> {
  const { visits, counts, rejected } = await read(asFile(text))
  expect(rejected).toEqual([])
  expect(counts.contacts).toBe(1)
  return visits[0]!
}

const times = ({ outcome, ...visit }: Visit) =>
  outcome === 'served' && 'called_s' in visit
    ? [visit.ticket_s, visit.called_s, visit.serve_s, visit.done_s]
    : [(visit as { ticket_s: number | null }).ticket_s, (visit as { left_s: number }).left_s]

describe('each case of the data sheet', () => {
  test.each<[string, string, string, (number | null)[], boolean]>([
    ['queued and served', '100,110,150,150,200', 'served,A01', [110, 150, 150, 200], false],
    ['served later than called', '100,110,150,155,200', 'served,A01', [110, 150, 155, 200], false],
    [
      'served_from before queued_to',
      '100,110,150,149,200',
      'served,A01',
      [110, 150, 150, 200],
      true,
    ],
    ['all of the service before', '100,110,150,120,140', 'served,A01', [110, 150, 150, 150], true],
    ['queued, no service times', '100,110,150,,', 'served,', [110, 150, 150, 150], false],
    ['queue joined before arrival', '100,95,150,150,200', 'served,A01', [95, 150, 150, 200], true],
    ['served at once', '100,,,130,200', 'served,A01', [100, 130, 130, 200], false],
    ['left while queued', '100,110,150,,', 'left,', [110, 150], false],
    ['left without queueing', '100,,,,', 'left,', [null, 100], false],
    ['over midnight', '86390,86395,5,7,60', 'served,A01', [86_395, 86_405, 86_407, 86_460], false],
    [
      'called after it, served before',
      '86300,86350,2,86398,60',
      'served,A01',
      [86_350, 86_402, 86_402, 86_460],
      true,
    ],
    ['left after midnight', '86390,86395,5,,', 'left,', [86_395, 86_405], false],
  ])('%s', async (_name, steps, end, expected, adjusted) => {
    const visit = await only(line(1, steps, end))
    expect(times(visit)).toEqual(expected)
    expect(visit.adjusted).toBe(adjusted)
  })

  test.each<[string, string]>([
    ['served without any time', line(1, '100,,,,', 'served,A01')],
    ['half a queue', line(1, '100,110,,150,200', 'served,A01')],
    ['half a service', line(1, '100,110,150,,200', 'served,A01')],
    ['left the queue before joining it', line(1, '100,150,110,160,200', 'served,A01')],
    ['left and served', line(1, '100,110,120,130,140', 'left,')],
    ['outcome', line(1, '100,110,150,150,200', 'gone,A01')],
    ['date', line(1, '100,110,150,150,200', 'served,A01', { date: '1999-02-30' })],
    ['priority', line(1, '100,110,150,150,200', 'served,A01', { priority: '3' })],
    ['service', line(1, '100,110,150,150,200', 'served,A01', { service: '' })],
    ['arrived', line(1, ',110,150,150,200', 'served,A01')],
    ['queued_to', line(1, '100,110,-5,150,200', 'served,A01')],
    ['served_to', line(1, '100,110,150,150,2e9', 'served,A01')],
    ['wrong number of fields', `${line(1, '100,,,,', 'left,')},more`],
    ['quote inside a field', '1,1999-02-03,1"0,PS,1,,,,,left,'],
    ['a quote is never closed', '1,1999-02-03,"10,PS,1,,,,,left,'],
  ])('rejected: %s', async (reason, text) => {
    const trace = await read(asFile(text))
    expect(trace.rejected).toEqual([{ line: 2, reason }])
    expect(trace.counts).toMatchObject({ contacts: 1, rejected: 1, served: 0, left: 0 })
  })

  test('a phantom is one whatever its times say', async () => {
    const { counts } = await read(
      asFile(line(1, 'x,,9,,', 'phantom,'), line(2, '1,2,3,,', 'phantom,')),
    )
    expect(counts).toMatchObject({ contacts: 2, phantom: 2, rejected: 0 })
  })
})

test('every line falls in exactly one of four; lines that cannot be read spoil no others', async () => {
  const { counts } = await read(`${smallDay}rubbish\n"a\nb",c\n${line(17, '5,,,,', 'left,')}`)
  expect(counts).toEqual({
    ...{ contacts: 17, served: 10, left: 4, phantom: 1, rejected: 2, adjusted: 1 },
  })
})

test('only the day that was asked for', async () => {
  const other = line(2, '7,,,,', 'left,', { date: '1999-02-04' })
  const bad = line(3, '7,8,,,', 'left,', { date: '1999-02-04' })
  const text = asFile(line(1, '5,,,,', 'left,'), other, bad)
  expect((await read(text, '1999-02-03')).counts).toMatchObject({
    contacts: 1,
    left: 1,
    rejected: 0,
  })
  expect((await read(text, '1999-02-04')).counts).toMatchObject({
    contacts: 2,
    left: 1,
    rejected: 1,
  })
})

test('quotes, CRLF, a byte-order mark, other column order, no line end at the end', async () => {
  const names = head.split(',').toReversed().join(',')
  const text = `\ufeff${names}\r\n"A ""1""",served,200,150,150,110,2,"PS, new",100,1999-02-03,1`
  const { visits, rejected } = await read(text)
  expect(rejected).toEqual([])
  expect(visits).toMatchObject([{ service: 'PS, new', clerk: 'A "1"', priority: 2, line: 2 }])
})

test('an empty file is a trace of nobody; a head that is none is refused', async () => {
  expect((await read('')).counts.contacts).toBe(0)
  expect((await read(`${head}\n\n`)).counts.contacts).toBe(0)
  await expect(read('a,b\n1,2\n')).rejects.toMatchObject({ code: 'malformed' })
  await expect(read(`${head},extra\n`)).rejects.toMatchObject({ code: 'malformed' })
})

test('a file in any pieces is the same file', async () => {
  const text = `\ufeff${smallDay.replaceAll('\n', '\r\n')}"x,\r\n`
  const whole = await read(text)
  for (const size of [1, 2, 3, 64]) {
    expect(await readTrace(inPieces(text, size))).toEqual(whole)
  }
})

test('fields written as CSV come back as they were', () => {
  const field = fc
    .string({ maxLength: 12 })
    .map((s) => s.replaceAll('\r', '').replaceAll('\ufeff', ''))
  const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 })
  fc.assert(
    fc.property(rows, (wanted) => {
      const quoted = wanted.map((row) => row.map((f) => `"${f.replaceAll('"', '""')}"`).join(','))
      const reader = csvReader()
      const got = [...reader.push(quoted.join('\n')), ...reader.end()]
      expect(got.map((row) => ('fields' in row ? row.fields : row))).toEqual(wanted)
    }),
  )
})
