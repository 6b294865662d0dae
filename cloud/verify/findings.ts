/** What verification finds: one line for people, the same as members for programs. */

export type Finding = {
  hall: string
  /** What disagrees. */
  what:
    | 'hall'
    | 'bytes'
    | 'chain'
    | 'segment'
    | 'crcs'
    | 'gateway_log'
    | 'epoch'
    | 'cursor'
    | 'origin'
    | 'rejection'
    | 'projection'
    | 'visit'
    | 'day'
    | 'counter'
    | 'hall_state'
    | 'gap'
    | 'ledger_state'
    | 'rating_ask'
    | 'rating'
    | 'bound_device'
    | 'device_home'
    | 'order'
    | 'entry'
    | 'posting'
    | 'account'
  /** Which one: an epoch and its records, a ticket, an order, an account, a place. */
  which: string
  text: string
  epoch?: string
  /** First and last record that can be to blame. */
  seq?: number
  seq_to?: number
  /** Offset in bytes within the stored segment where the fault is or begins. */
  byte?: number
  byte_to?: number
  /** Offset within the record, and in hex what stands there and what stood there. */
  record_byte?: number
  is?: string
  was?: string
}

/** A damaged log can disagree everywhere: so many findings are kept, all are counted. */
export const FINDINGS_MAX = 200

export class Findings {
  readonly list: Finding[] = []
  count = 0

  add(finding: Finding): void {
    this.count++
    if (this.list.length < FINDINGS_MAX) this.list.push(finding)
  }

  /** Compares two rows column by column; `which` names the row. */
  compare(
    at: Pick<Finding, 'hall' | 'what' | 'which'>,
    expected: Readonly<Record<string, unknown>>,
    found: Readonly<Record<string, unknown>> | undefined,
  ): void {
    if (found === undefined) {
      this.add({ ...at, text: 'is missing' })
      return
    }
    for (const [column, value] of Object.entries(expected)) {
      if (!same(value, found[column]))
        this.add({ ...at, text: `${column} is ${say(found[column])}, by the log ${say(value)}` })
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  if (a === b || (a == null && b == null)) return true
  return typeof a === 'object' && ordered(a) === ordered(b)
}

/** jsonb keeps the members of an object in an order of its own. */
function ordered(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

function say(value: unknown): string {
  if (value === undefined || value === null) return 'empty'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
