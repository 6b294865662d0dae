/**
 * A trace: real contacts of a service centre, one line each, read as its data sheet says. Every line
 * becomes exactly one of served, left, phantom, rejected; what it means for a hall is a {@link Visit}.
 * Pure.
 *
 * Lines that contradict themselves are rejected with a reason and counted; a head that does not name
 * the eleven columns raises Fault `malformed`, as nothing behind it could be trusted. An empty file
 * is a trace of nobody. More than {@link LINES_MAX} lines: `too_large`.
 */
import { Fault } from '#devices/std/fault.ts'
import { csvReader, type Row } from './csv.ts'

export const LINES_MAX = 5_000_000

const columns = [
  'visit',
  'date',
  'arrived',
  'service',
  'priority',
  'queued_from',
  'queued_to',
  'served_from',
  'served_to',
  'outcome',
  'clerk',
] as const
type Column = (typeof columns)[number]

/** A person of the trace. Seconds after local midnight of `date`; past 86 400 it is after midnight. */
export type Visit = {
  /** Line of the file; the person's name in everything that is drawn. */
  line: number
  date: string
  service: string
  /** 0 unidentified, 1 ordinary, 2 with credit. */
  priority: 0 | 1 | 2
  arrived_s: number
  /** The file read them with corrections (see the data sheet). */
  adjusted: boolean
} & (
  | {
      outcome: 'served'
      /** Waited in the queue, as opposed to being served at once. */
      queued: boolean
      ticket_s: number
      called_s: number
      serve_s: number
      done_s: number
      clerk: string | null
    }
  /** `ticket_s` null: turned away at the door. */
  | { outcome: 'left'; ticket_s: number | null; left_s: number }
)
export type Served = Extract<Visit, { outcome: 'served' }>
export type Left = Extract<Visit, { outcome: 'left' }>

export type Reading =
  | { reading: 'visit'; visit: Visit }
  | { reading: 'phantom'; line: number; date: string | null }
  | { reading: 'rejected'; line: number; date: string | null; reason: string }

export type TraceCounts = {
  contacts: number
  served: number
  left: number
  phantom: number
  rejected: number
  adjusted: number
}

export type Trace = {
  visits: Visit[]
  counts: TraceCounts
  /** The first few rejected lines, for people. */
  rejected: { line: number; reason: string }[]
}

const REJECTED_SHOWN = 20

/** Reads a file in pieces. `day` takes only the lines of that date (YYYY-MM-DD). */
export async function readTrace(
  pieces: AsyncIterable<string> | Iterable<string>,
  day: string | null = null,
): Promise<Trace> {
  const csv = csvReader()
  const visits: Visit[] = []
  const counts: TraceCounts = {
    ...{ contacts: 0, served: 0, left: 0, phantom: 0, rejected: 0, adjusted: 0 },
  }
  const rejected: Trace['rejected'] = []
  let head: Head | null = null
  let lines = 0

  function take(row: Row): void {
    if (head === null) {
      head = headOf(row)
      return
    }
    if (++lines > LINES_MAX) throw new Fault('too_large', `more than ${LINES_MAX} lines`)
    const reading = readRow(row, head)
    const date = reading.reading === 'visit' ? reading.visit.date : reading.date
    if (day !== null && date !== day) return
    count(reading)
  }

  function count(reading: Reading): void {
    counts.contacts++
    if (reading.reading === 'visit') {
      counts[reading.visit.outcome]++
      if (reading.visit.adjusted) counts.adjusted++
      visits.push(reading.visit)
      return
    }
    counts[reading.reading]++
    if (reading.reading === 'rejected' && rejected.length < REJECTED_SHOWN) {
      rejected.push({ line: reading.line, reason: reading.reason })
    }
  }

  for await (const piece of pieces) for (const row of csv.push(piece)) take(row)
  for (const row of csv.end()) take(row)
  return { visits, counts, rejected }
}

type Head = Record<Column, number>

function headOf(row: Row): Head {
  const names = 'fields' in row ? row.fields.map((name) => name.trim()) : []
  const missing = columns.filter((name) => !names.includes(name))
  if (missing.length > 0) throw new Fault('malformed', `head without ${missing.join(', ')}`)
  if (names.length !== columns.length) throw new Fault('malformed', 'head with other columns')
  return Object.fromEntries(columns.map((name) => [name, names.indexOf(name)])) as Head
}

function readRow(row: Row, head: Head): Reading {
  const { line } = row
  const reject = (reason: string, date: string | null = null): Reading => {
    return { reading: 'rejected', line, date, reason }
  }
  if ('bad' in row) return reject(row.bad)
  const get = (column: Column) => (row.fields[head[column]] ?? '').trim()
  const date = isDate(get('date')) ? get('date') : null
  if (row.fields.length !== columns.length) return reject('wrong number of fields', date)
  if (date === null) return reject('date')
  const outcome = get('outcome')
  if (outcome === 'phantom') return { reading: 'phantom', line, date }
  const visit = outcome === 'served' || outcome === 'left' ? visitOf(get, outcome) : 'outcome'
  if (typeof visit === 'string') return reject(visit, date)
  return { reading: 'visit', visit: { ...visit, line, date } as Visit }
}

export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

type Get = (column: Column) => string
type Shared = Omit<Served, 'line' | 'date'> | Omit<Left, 'line' | 'date'>

/** The visit, or what is wrong with it. */
function visitOf(get: Get, outcome: 'served' | 'left'): Shared | string {
  const service = get('service')
  if (service === '') return 'service'
  const priority = { '0': 0, '1': 1, '2': 2 }[get('priority')] as 0 | 1 | 2 | undefined
  if (priority === undefined) return 'priority'
  const steps = stepsOf(get)
  if (typeof steps === 'string') return steps
  const shared = { service, priority, arrived_s: steps.arrived }
  if (outcome === 'left') return left(shared, steps)
  const clerk = get('clerk') === '' ? null : get('clerk')
  const times = served(steps)
  return typeof times === 'string' ? times : { ...shared, ...times, outcome, clerk }
}

type Steps = { arrived: number; queue: [number, number] | null; service: [number, number] | null }

const STEP_MAX = 2 * 86_400
const HALF_DAY = 43_200

function stepsOf(get: Get): Steps | string {
  const raw: (number | null)[] = []
  for (const column of [
    'arrived',
    'queued_from',
    'queued_to',
    'served_from',
    'served_to',
  ] as const) {
    const text = get(column)
    if (text !== '' && !/^\d{1,6}$/.test(text)) return column
    if (Number(text) >= STEP_MAX) return column
    raw.push(text === '' ? null : Number(text))
  }
  const [arrived, ...rest] = overMidnight(raw)
  if (arrived == null) return 'arrived'
  const [from, to, start, end] = rest as (number | null)[]
  const queue = pair(from, to)
  const service = pair(start, end)
  if (queue === undefined) return 'half a queue'
  if (service === undefined) return 'half a service'
  if (queue !== null && queue[1] < queue[0]) return 'left the queue before joining it'
  return { arrived, queue, service }
}

/**
 * A step more than half a day before the one before it is after midnight. Behind midnight, a step
 * more than half a day after the one before it is still of the evening.
 */
function overMidnight(raw: readonly (number | null)[]): (number | null)[] {
  let before: number | null = null
  return raw.map((step) => {
    if (step === null) return null
    const late: number = before !== null && before - step > HALF_DAY ? 86_400 : 0
    before = step + late
    return before
  })
}

function pair(
  from: number | null | undefined,
  to: number | null | undefined,
): [number, number] | null | undefined {
  if (from == null && to == null) return null
  return from == null || to == null ? undefined : [from, to]
}

type Times = Pick<Served, 'queued' | 'ticket_s' | 'called_s' | 'serve_s' | 'done_s' | 'adjusted'>

function served({ arrived, queue, service }: Steps): Times | string {
  if (queue === null && service === null) return 'served without any time'
  if (queue === null) return servedAtOnce(arrived, service!)
  const [ticket_s, called_s] = queue
  const early = ticket_s < arrived
  if (service === null) {
    const at = { serve_s: called_s, done_s: called_s }
    return { queued: true, ticket_s, called_s, ...at, adjusted: early }
  }
  const serve_s = Math.max(called_s, service[0])
  const done_s = Math.max(serve_s, service[1])
  const adjusted = early || service[0] < called_s || service[1] < serve_s
  return { queued: true, ticket_s, called_s, serve_s, done_s, adjusted }
}

/** Called where serving began; one who was served before arriving is called on arrival. */
function servedAtOnce(arrived: number, [from, to]: [number, number]): Times {
  const serve_s = Math.max(arrived, from)
  const done_s = Math.max(serve_s, to)
  const adjusted = serve_s !== from || done_s !== to
  return { queued: false, ticket_s: arrived, called_s: serve_s, serve_s, done_s, adjusted }
}

function left(
  shared: { service: string; priority: 0 | 1 | 2; arrived_s: number },
  { arrived, queue, service }: Steps,
): Shared | string {
  if (service !== null) return 'left and served'
  if (queue === null) {
    const turned = { ticket_s: null, left_s: arrived, adjusted: false }
    return { ...shared, ...turned, outcome: 'left' }
  }
  const [ticket_s, left_s] = queue
  return { ...shared, ticket_s, left_s, adjusted: ticket_s < arrived, outcome: 'left' }
}
