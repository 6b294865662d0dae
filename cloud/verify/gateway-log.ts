/**
 * A hall's own log file beside the controller's copy: with it a wrong byte can be named exactly,
 * whatever it was changed into. What the file lacks, holds twice or holds where nothing looks for it
 * is named too, and records the controller does not hold yet must follow from those it holds. Read
 * only; the gateway must be stopped, as it keeps its file locked.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Line } from './chain.ts'
import type { Finding, Findings } from './findings.ts'
import { openLogFile, reasonOf } from './log-file.ts'
import type { Cells } from './rows.ts'

/** As the gateway lays out its file: an id is the place of the epoch, times this, plus the number. */
const SEQ_SPAN = 2 ** 36
const NO_PARENT = '0'.repeat(64)
/** Faults of the file's structure that are told. */
const STRUCTURE_MOST = 5

type Row = { payload: Uint8Array; hash: Uint8Array; wall_ms: unknown }
type OwnEpoch = {
  epoch: string
  number: number
  place: number
  parent: string
  first: number
  first_prev: string
  /** Where its records end, as the file says: its last row, or behind that a receipt. */
  last: number
  /** Last record that was compared, and the chain's hash there. */
  held: { seq: number; hash: string }
}

export class GatewayLog implements Disposable {
  readonly #db: DatabaseSync
  readonly #record: StatementSync
  readonly #epochs: ReadonlyMap<string, OwnEpoch>
  /** The hall whose log this is, once a record was found that both have. */
  #hall = ''
  /** Records of the file that the controller holds too. */
  compared = 0

  /** Throws an error that says why the file cannot be read. */
  constructor(file: string) {
    this.#db = openLogFile(file)
    try {
      this.#record = this.#db.prepare(
        'SELECT payload, hash, wall_ms FROM record WHERE id = ? AND epoch = ?',
      )
      this.#epochs = epochsOf(this.#db)
    } catch (error) {
      this.#db.close()
      throw new Error(`${file}: ${reasonOf(error)}`, { cause: error })
    }
  }

  /** What the file says of its epochs, against the controller's rows of the hall. */
  compareEpochs(hall: string, epochs: readonly Cells[], findings: Findings): void {
    for (const row of epochs) {
      const own = this.#epochs.get(String(row.epoch))
      if (own === undefined) continue
      this.#hall = hall
      const first_prev = own.first === 1 ? String(row.parent_hash ?? NO_PARENT) : own.first_prev
      const expected = { number: Number(row.number), parent: parentOf(row), first_prev }
      for (const [column, value] of Object.entries(expected)) {
        const is = own[column as keyof typeof expected]
        if (is !== value) this.#tellEpoch(own, `${column} is ${is}, by the log ${value}`, findings)
      }
      if (own.first < 1) this.#tellEpoch(own, `first is ${own.first}`, findings)
    }
  }

  compare(hall: string, line: Line, findings: Findings): void {
    const { epoch, seq, hash } = line
    const own = this.#epochs.get(epoch)
    if (own === undefined) return
    this.#hall = hall
    if (seq === own.first - 1 && hash !== own.first_prev)
      this.#tellEpoch(own, `first_prev is ${own.first_prev}, by the log ${hash}`, findings)
    const tell = this.#teller({ epoch, seq }, findings)
    const row = this.#read(own, seq, tell)
    if (row === 'unreadable') return
    if (row !== undefined) this.#compareRow(row, line, tell)
    else if (seq >= own.first && seq <= own.last) tell("is missing in the gateway's log")
    own.held = { seq, hash }
  }

  #compareRow(row: Row, { stored, from, hash }: Line, tell: Tell): void {
    this.compared++
    const payload = Buffer.from(row.payload)
    const at = firstDifference(payload, stored)
    if (at !== null) {
      const text = `is not what the gateway's log has there: byte ${at} of the record`
      tell(text, { byte: from + at, record_byte: at })
    } else if (hexOf(row.hash) !== hash)
      tell("has another hash in the gateway's log, though the same text")
    else tellTime(payload, row.wall_ms, tell)
  }

  #read({ place, epoch }: OwnEpoch, seq: number, tell: Tell): Row | undefined | 'unreadable' {
    try {
      return this.#record.get(place * SEQ_SPAN + seq, epoch) as Row | undefined
    } catch (error) {
      tell(`cannot be read in the gateway's log: ${(error as Error).message}`)
      return 'unreadable'
    }
  }

  /** What no record of the controller leads to: the rest of the file. */
  end(findings: Findings): void {
    const parts = [this.#strays, this.#unbooked, this.#facts, this.#structure]
    for (const part of parts) {
      try {
        part.call(this, findings)
      } catch (error) {
        this.#tellFile(`cannot be read: ${(error as Error).message}`, findings)
      }
    }
  }

  /** Rows that stand where no record of their epoch does. */
  #strays(findings: Findings): void {
    const rows = this.#db.prepare('SELECT id, epoch FROM record ORDER BY id').iterate()
    for (const { id, epoch } of rows as Iterable<{ id: number; epoch: string }>) {
      const own = this.#epochs.get(epoch)
      const place = Math.floor(id / SEQ_SPAN)
      const seq = id - place * SEQ_SPAN
      if (own?.place === place && seq >= own.first) continue
      const text = `of epoch ${epoch} stands at place ${place} of the gateway's log, where it is not looked for`
      this.#teller({ epoch, seq }, findings)(text)
    }
  }

  /** Records behind those the controller holds: each has to follow from the one before it. */
  #unbooked(findings: Findings): void {
    const behind = this.#db.prepare(
      'SELECT id, payload, hash, wall_ms FROM record WHERE id > ? AND id < ? AND epoch = ? ORDER BY id',
    )
    for (const own of this.#epochs.values()) {
      let { seq, hash } = own.held
      const [from, to] = [own.place * SEQ_SPAN + seq, (own.place + 1) * SEQ_SPAN]
      for (const row of behind.iterate(from, to, own.epoch) as Iterable<Row & { id: number }>) {
        seq++
        hash = createHash('sha256')
          .update(Buffer.from(hash, 'hex'))
          .update(row.payload)
          .digest('hex')
        const at = row.id - own.place * SEQ_SPAN
        const tell = this.#teller({ epoch: own.epoch, seq: at }, findings)
        if (at !== seq) tell(`is there in the gateway's log, but not record ${seq} before it`)
        else if (hexOf(row.hash) !== hash)
          tell("does not follow from the record before it in the gateway's log")
        else {
          tellTime(Buffer.from(row.payload), row.wall_ms, tell)
          continue
        }
        break
      }
    }
  }

  /** Facts beside the records: each has a sum of its own. */
  #facts(findings: Findings): void {
    for (const { key, value, sum } of this.#db.prepare('SELECT * FROM meta ORDER BY key').all()) {
      const own = createHash('sha256').update(`${key}\n${value}`).digest('hex')
      if (sum !== own) this.#tellFile(`${key} does not fit its sum`, findings)
    }
  }

  /** A file that says the same but is not laid out as SQLite lays it out. */
  #structure(findings: Findings): void {
    const rows = this.#db.prepare(`PRAGMA quick_check(${STRUCTURE_MOST})`).all()
    for (const { quick_check: said } of rows) if (said !== 'ok') this.#tellFile(`${said}`, findings)
  }

  #teller({ epoch, seq }: { epoch: string; seq: number }, findings: Findings): Tell {
    return (text, where = {}) => {
      const byte = where.byte === undefined ? '' : ` byte ${where.byte}`
      const which = `${epoch} record ${seq}${byte}`
      findings.add({ hall: this.#hall, what: 'gateway_log', which, text, epoch, seq, ...where })
    }
  }

  #tellEpoch({ epoch }: OwnEpoch, text: string, findings: Findings): void {
    findings.add({ hall: this.#hall, what: 'gateway_log', which: epoch, text, epoch })
  }

  #tellFile(text: string, findings: Findings): void {
    findings.add({ hall: this.#hall, what: 'gateway_log', which: 'file', text })
  }

  /** Records of the file, whether or not the controller holds them. */
  get records(): number {
    try {
      return Number(this.#db.prepare('SELECT count(*) AS n FROM record').get()?.n)
    } catch {
      return 0
    }
  }

  [Symbol.dispose](): void {
    this.#db.close()
  }
}

type Tell = (text: string, where?: Pick<Finding, 'byte' | 'record_byte'>) => void

function epochsOf(db: DatabaseSync): Map<string, OwnEpoch> {
  const receipted = receiptedOf(db)
  const rows = db.prepare('SELECT * FROM epoch ORDER BY place').all()
  return new Map(
    rows.map((row) => {
      const { place, first } = row as { place: number; first: number }
      const [epoch, first_prev] = [String(row.epoch), String(row.first_prev)]
      const booked = receipted?.epoch === epoch ? receipted.seq : 0
      const last = Math.max(lastOf(db, { epoch, place }), booked)
      const held = { seq: first - 1, hash: first_prev }
      const parts = { number: Number(row.number), parent: parentOf(row), last, held }
      return [epoch, { epoch, place, first, first_prev, ...parts }]
    }),
  )
}

/** Number of the epoch's last row; 0 without one, or where the file is torn there. */
function lastOf(db: DatabaseSync, { epoch, place }: Pick<OwnEpoch, 'epoch' | 'place'>): number {
  const sql = 'SELECT max(id) AS id FROM record WHERE id > ? AND id < ? AND epoch = ?'
  try {
    const row = db.prepare(sql).get(place * SEQ_SPAN, (place + 1) * SEQ_SPAN, epoch)
    return row?.id == null ? 0 : Number(row.id) - place * SEQ_SPAN
  } catch {
    return 0
  }
}

/** The last record the controller said it had; null too where that cannot be read. */
function receiptedOf(db: DatabaseSync): { epoch: string; seq: number } | null {
  const value = db.prepare("SELECT value FROM meta WHERE key = 'receipted'").get()?.value
  try {
    return JSON.parse(String(value)) as { epoch: string; seq: number } | null
  } catch {
    return null
  }
}

function parentOf({ parent_epoch, parent_seq, parent_hash }: Cells): string {
  return parent_epoch == null ? 'none' : `${parent_epoch} record ${parent_seq} ${parent_hash}`
}

/** The row keeps its record's time once more; a text that cannot be read says none. */
function tellTime(payload: Buffer, wall_ms: unknown, tell: Tell): void {
  let own: unknown
  try {
    own = (JSON.parse(payload.toString('utf8')) as { at?: { wall_ms?: unknown } }).at?.wall_ms
  } catch {
    return
  }
  if (own !== undefined && own !== wall_ms)
    tell(`has ${wall_ms} for its time in the gateway's log, by its text ${own}`)
}

const hexOf = (bytes: unknown) =>
  bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : ''

/** Null where both are the same. */
function firstDifference(a: Buffer, b: Buffer): number | null {
  if (a.equals(b)) return null
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  return i
}
