/**
 * What must be true of a world in the end, checked from bytes and from the people's own book. Shares
 * no code with the system: its own parsing, its own hashing, its own sums.
 */
import { createHash } from 'node:crypto'
import { checkFloor } from './checks-floor.ts'
import type { HallData } from './memory-cloud-store.ts'
import type { Book, Told } from './people.ts'

export type Fact = {
  kind: string
  at: { boot: string; mono_ms: number }
  data: Record<string, unknown>
  source: unknown
  origin: string
  gateway: string
}

export type HallCheck = {
  hall: string
  data: HallData | undefined
  book: Book
  /** Where each owning gateway's log ends: epoch, seq and hash. */
  head: { epoch: string; seq: number; hash: string }
  unbooked: number
  owners: ReadonlySet<string>
  owner: string
  /** Answers and papers that a disaster may have taken: they may be missing, never doubled. */
  inDoubt: ReadonlySet<string>
  /** Nobody was told of these when the disk was put back or lost: they may stand on either side. */
  mayDouble: ReadonlySet<string>
  /** Both sides of a clone printed papers: numbers may repeat between them. */
  numbersMayRepeat: boolean
  /** The log was put back: until the cloud's word comes numbers may repeat within the old epoch. */
  restored: boolean
  /** The hall's morning may be lost: that it denies what it knew is no fault. */
  mayDeny: boolean
  /** Records were lost for good: what they said may be referred to. */
  recordsLost: boolean
  /** The last record about a ticket or an order that the hall calls booked. */
  booked: (about: { ticket: string } | { order: string }) => { epoch: string; seq: number } | null
}

export const sourceKey = (source: unknown): string => JSON.stringify(source)

export function checkHall(check: HallCheck): string[] {
  const problems: string[] = []
  const { data } = check
  if (data === undefined) return [`${check.hall}: the cloud holds nothing`]
  const { facts, repeats } = readFacts(data, problems)
  foldedOnce(data, repeats, problems)
  drained(check, data, problems)
  ownership(check, facts, problems)
  told(check, facts, problems)
  refused(check, problems)
  booked(check, data, problems)
  papers(check, facts, problems)
  counters(check, facts, problems)
  ledger(check, data, problems)
  problems.push(...checkFloor(check, facts, data))
  return problems.map((problem) => `${check.hall}: ${problem}`)
}

/** Verifies every chain byte by byte and reads the facts, each once however often it was appended. */
function readFacts(data: HallData, problems: string[]): { facts: Fact[]; repeats: Set<number> } {
  const facts: Fact[] = []
  /** Places of records that say again what was held already. */
  const repeats = new Set<number>()
  const seen = new Set<string>()
  const ends = new Map<string, { seq: number; hash: string; gateway: string }>()
  const at = new Map<string, string>()
  for (const segment of data.segments) {
    const lines = Buffer.from(segment.bytes).toString('utf8').split('\n').slice(0, -1)
    const begun = segment.first === 1 ? JSON.parse(lines[0]!) : null
    const before = segment.first === 1 ? beginning(begun, at) : ends.get(segment.epoch)
    if (before === undefined) {
      problems.push(`epoch ${segment.epoch}: record ${segment.first} follows nothing that is held`)
      continue
    }
    if (before.hash !== segment.prev || before.seq + 1 !== segment.first) {
      problems.push(
        `epoch ${segment.epoch}: segment ${segment.first} does not follow ${before.seq}`,
      )
    }
    let { hash, seq } = before
    for (const [i, line] of lines.entries()) {
      hash = createHash('sha256').update(Buffer.from(hash, 'hex')).update(line).digest('hex')
      seq++
      at.set(`${segment.epoch}/${seq}`, hash)
      const record = JSON.parse(line)
      const place = record.was ?? { epoch: segment.epoch, seq, hash }
      const origin = `${place.epoch}/${place.seq}/${place.hash}`
      if (seen.has(origin)) {
        repeats.add(segment.place + i)
        continue
      }
      seen.add(origin)
      const { kind, at: stamp, data: said, source } = record
      facts.push({ kind, at: stamp, data: said, source, origin, gateway: before.gateway })
    }
    if (seq !== segment.last || hash !== segment.hash) {
      problems.push(`epoch ${segment.epoch}: chain breaks in segment ${segment.first}`)
    }
    ends.set(segment.epoch, { seq, hash, gateway: before.gateway })
  }
  return { facts, repeats }
}

/** What is appended again is held, but no projection sees it a second time. */
function foldedOnce(data: HallData, repeats: ReadonlySet<number>, problems: string[]): void {
  const folded = (what: string, place: unknown) => {
    if (repeats.has(place as number)) problems.push(`${what} of a repeat at place ${place}`)
  }
  for (const { place, projection } of data.rejections) folded(`rejection by ${projection}`, place)
  for (const row of data.tables.get('entry')?.values() ?? []) folded('entry', row.place)
  for (const row of data.tables.get('visit')?.values() ?? []) folded('visit', row.updated_place)
}

function beginning(
  begun: { data: { parent: { epoch: string; seq: number; hash: string } | null; gateway: string } },
  at: Map<string, string>,
) {
  const { parent, gateway } = begun.data
  const zero = '0'.repeat(64)
  if (parent === null) return { seq: 0, hash: zero, gateway }
  if (parent.seq > 0 && at.get(`${parent.epoch}/${parent.seq}`) !== parent.hash) return undefined
  return { seq: 0, hash: parent.hash, gateway }
}

/**
 * Everything up to the gateway's head is booked. The cloud's own head may stand elsewhere: a first
 * batch that was late by minutes opens the epoch of a log that is lost since, as a branch.
 */
function drained(check: HallCheck, data: HallData, problems: string[]): void {
  if (check.unbooked > 0) problems.push(`${check.unbooked} records never booked`)
  const held = data.epochs.get(check.head.epoch)
  if (held?.hash !== check.head.hash || held.seq !== check.head.seq) {
    const cloud = `${held?.seq} of ${check.head.epoch.slice(0, 8)}`
    problems.push(`heads differ: cloud ${cloud}, hall ${check.head.seq}`)
  }
}

function ownership(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  const strangers = facts.filter((fact) => !check.owners.has(fact.gateway))
  if (strangers.length > 0)
    problems.push(`${strangers.length} facts booked from a gateway that never owned the hall`)
}

/** What people were told is recorded is in the cloud, and no action is there twice. */
function told(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  const counts = new Map<string, number>()
  for (const fact of facts) {
    if (fact.source === undefined) continue
    const { ticket, order } = fact.data as { ticket?: string; order?: string }
    const kind = `${sourceKey(fact.source)} ${fact.kind} ${fact.kind === 'ticket.left' ? ticket : ''}`
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    void order
  }
  for (const [key, count] of counts) {
    const [source] = key.split(' ', 1)
    const most = check.mayDouble.has(source!) ? 2 : 1
    if (count > most) problems.push(`doubled ${count} times: ${key}`)
  }
  const known = new Set(facts.flatMap((f) => (f.source === undefined ? [] : [sourceKey(f.source)])))
  for (const one of check.book.told) {
    if (!counted(check, one)) continue
    const key = sourceKey(one.source)
    if (!known.has(key))
      problems.push(`lost: ${one.ask.type} ${key} told recorded at ${Math.round(one.at_ms)}`)
  }
}

function counted(check: HallCheck, one: Told): boolean {
  if (check.inDoubt.has(sourceKey(one.source))) return false
  // Already so when it was asked: nothing to record.
  if (one.ask.type === 'config' || one.ask.type === 'day.open') return false
  return one.gateway === check.owner
}

/** What a hall that lost nothing has known since its morning, and may never deny. */
const SINCE_MORNING = ['day_closed', 'unknown_service', 'unknown_counter']
const LATER = ['not_signed_in', 'not_found']

function refused(check: HallCheck, problems: string[]): void {
  if (check.mayDeny) return
  const since = check.numbersMayRepeat || check.recordsLost ? [] : LATER
  const known = [...SINCE_MORNING, ...since]
  for (const { ask, code, at_ms } of check.book.refused) {
    if (known.includes(code))
      problems.push(`${ask.type} refused as ${code} at ${Math.round(at_ms)}`)
  }
}

/** At most so many refusals are told to a gateway that may have forgotten them. */
const REFUSALS_TOLD = 100

/** What the cloud keeps and could not use is never called booked in the hall. */
function booked(check: HallCheck, data: HallData, problems: string[]): void {
  // Another life of the hall may have said something else of the same ticket.
  if (check.numbersMayRepeat || check.restored) return
  if (data.rejections.length > REFUSALS_TOLD) return
  const refused = new Set(data.rejections.map(({ epoch, seq }) => `${epoch}/${seq}`))
  for (const segment of data.segments) {
    const lines = Buffer.from(segment.bytes).toString('utf8').split('\n').slice(0, -1)
    for (const [i, line] of lines.entries()) {
      if (!refused.has(`${segment.epoch}/${segment.first + i}`)) continue
      const { ticket = null, order = null } = JSON.parse(line).data ?? {}
      for (const about of [ticket && { ticket }, order && { order }]) {
        const place = about && check.booked(about)
        if (place?.epoch === segment.epoch && place.seq === segment.first + i)
          problems.push(`${JSON.stringify(about)} is called booked, and was rejected`)
      }
    }
  }
}

function papers(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  const issued = new Map<string, number>()
  const numbers = new Map<string, string[]>()
  for (const fact of facts) {
    if (fact.kind !== 'ticket.issued') continue
    const { ticket, day, number } = fact.data as { ticket: string; day: string; number: string }
    issued.set(ticket, (issued.get(ticket) ?? 0) + 1)
    const epoch = fact.origin.slice(0, fact.origin.indexOf('/'))
    const epochs = numbers.get(`${day} ${number}`) ?? []
    const bad = check.restored ? epochs.some((other) => other !== epoch) : epochs.length > 0
    if (bad && !check.numbersMayRepeat) problems.push(`number ${number} twice on ${day}`)
    numbers.set(`${day} ${number}`, [...epochs, epoch])
  }
  for (const [ticket, count] of issued)
    if (count > 1) problems.push(`ticket ${ticket} issued ${count} times`)
  for (const paper of check.book.papers) {
    if (paper.gateway !== check.owner || check.inDoubt.has(paper.ticket)) continue
    if (!issued.has(paper.ticket))
      problems.push(`paper ${paper.number} (${paper.ticket}) is of a ticket nobody recorded`)
  }
}

/** No two counters hold one ticket, and nothing happens to a ticket that was never issued. */
function counters(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  if (check.numbersMayRepeat || check.recordsLost) return
  const holder = new Map<string, string>()
  const issued = new Set<string>()
  for (const fact of facts) {
    const { ticket, counter } = fact.data as { ticket?: string; counter?: string }
    if (fact.kind === 'ticket.issued') issued.add(ticket!)
    if (ticket === undefined || !fact.kind.startsWith('ticket.')) continue
    if (!issued.has(ticket))
      problems.push(`${fact.kind} of ticket ${ticket}, which was never issued`)
    const holds = holder.get(ticket)
    if (fact.kind === 'ticket.called') {
      if (holds !== undefined)
        problems.push(`ticket ${ticket} called to ${counter} while ${holds} holds it`)
      holder.set(ticket, counter!)
    }
    if (['ticket.done', 'ticket.no_show', 'ticket.left', 'ticket.voided'].includes(fact.kind))
      holder.delete(ticket)
  }
}

/** The ledger's tills and tenders equal what people paid and were told is confirmed. */
function ledger(check: HallCheck, data: HallData, problems: string[]): void {
  const accounts = [...(data.tables.get('account')?.values() ?? [])]
  let debits = 0n
  let credits = 0n
  let paid = 0n
  for (const row of accounts) {
    debits += BigInt(row.debit_fen as bigint)
    credits += BigInt(row.credit_fen as bigint)
    const name = row.account as string
    if (name.startsWith('till/') || name.startsWith('tender/')) {
      paid += BigInt(row.debit_fen as bigint) - BigInt(row.credit_fen as bigint)
    }
  }
  if (debits !== credits) problems.push(`ledger does not balance: ${debits} against ${credits}`)
  if (check.inDoubt.size > 0 || check.numbersMayRepeat || check.recordsLost) return
  const own = ownSum(check.book, check.owner)
  if (own !== paid) problems.push(`people paid ${own} fen, the ledger says ${paid}`)
}

function ownSum(book: Book, owner: string): bigint {
  const entered = new Map<string, bigint>()
  const confirmed = new Set<string>()
  const failed = new Set<string>()
  for (const { ask, gateway } of book.told) {
    if (gateway !== owner) continue
    if (ask.type === 'order.enter') {
      entered.set(
        ask.content.order,
        ask.content.tenders.reduce((sum, t) => sum + BigInt(t.amount_fen), 0n),
      )
    }
    if (ask.type === 'order.confirm') confirmed.add(ask.order)
    if (ask.type === 'order.result' && ask.result === 'failed') failed.add(ask.order)
  }
  let sum = 0n
  for (const order of confirmed) if (!failed.has(order)) sum += entered.get(order) ?? 0n
  return sum
}
