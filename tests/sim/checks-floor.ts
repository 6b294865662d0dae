/**
 * What must be true of ratings and PINs in the end, told from bytes and from the people's own book.
 * Shares no code with the system.
 */
import type { Fact, HallCheck } from './checks.ts'
import type { HallData } from './memory-cloud-store.ts'
import { ACCOUNT, BLOCK } from './pads.ts'

const WINDOW_MS = 20_000
const sourceKey = (source: unknown): string => JSON.stringify(source)

export function checkFloor(check: HallCheck, facts: readonly Fact[], data: HallData): string[] {
  const problems: string[] = []
  ratingsAsExperienced(check, facts, problems)
  ratingsByTheRule(check, facts, problems)
  ratingsInTheCloud(facts, data, problems)
  pinsAsTold(check, facts, problems)
  pinsBound(check, facts, problems)
  nothingInTheClear(data, problems)
  return problems
}

/** Every press that somebody was told of is there once, with their score, for their own visit. */
function ratingsAsExperienced(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  const given = new Map<string, Fact>()
  for (const fact of facts)
    if (fact.kind === 'rating.given') given.set(sourceKey(fact.source), fact)
  for (const { source, score, counter, ticket, attributed } of check.book.ratings) {
    const fact = given.get(sourceKey(source))
    // That it is there at all is checked for every answer alike.
    if (fact === undefined) continue
    const { data } = fact
    const key = sourceKey(source)
    if (data.score !== score || data.counter !== counter) problems.push(`rating ${key} changed`)
    if (data.attributed !== attributed) problems.push(`rating ${key}: told ${attributed}`)
    if (attributed && ticket !== null && data.ticket !== ticket)
      problems.push(`rating ${key} of ticket ${ticket} counts for ${data.ticket}`)
    if (!attributed && data.clerk !== null) problems.push(`rating ${key}: nobody's, for a clerk`)
  }
}

/** A press belongs to a visit exactly where it is the first one in time to the last question. */
function ratingsByTheRule(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  if (check.numbersMayRepeat || check.recordsLost) return
  const asked = new Map<unknown, Fact>()
  const answered = new Set<unknown>()
  for (const fact of facts) {
    const { counter, request, attributed } = fact.data
    if (fact.kind === 'rating.asked') asked.set(counter, fact)
    // The next visit is over: whoever presses now is of that one.
    if (fact.kind === 'ticket.done' && asked.get(counter)?.data.ticket !== fact.data.ticket)
      asked.delete(counter)
    if (fact.kind !== 'rating.given') continue
    const question = asked.get(counter)
    const last = question !== undefined && request === question.data.request
    const first = last && !answered.has(request)
    // Over a restart only the gateway's own clock line says how long it was.
    const timed = question?.at.boot === fact.at.boot
    const in_time = timed ? fact.at.mono_ms - question!.at.mono_ms < WINDOW_MS : attributed
    if (attributed !== (first && in_time))
      problems.push(`rating of ${request} at ${counter} is attributed: ${attributed}`)
    if (attributed) {
      answered.add(request)
      for (const name of ['ticket', 'clerk', 'service'])
        if (fact.data[name] !== question?.data[name]) problems.push(`rating ${request}: ${name}`)
    }
  }
}

/** The cloud has a row for each press, and one answer at most to each question. */
function ratingsInTheCloud(facts: readonly Fact[], data: HallData, problems: string[]): void {
  const rows = [...(data.tables.get('rating')?.values() ?? [])]
  const given = facts.filter(({ kind }) => kind === 'rating.given')
  if (rows.length !== given.length)
    problems.push(`${rows.length} ratings in the cloud, ${given.length} in the log`)
  const sum = (scores: unknown[]) => scores.reduce<number>((a, b) => a + Number(b), 0)
  if (sum(rows.map((row) => row.score)) !== sum(given.map((fact) => fact.data.score)))
    problems.push('the sum of the scores differs')
  const counted = rows.filter((row) => row.attributed === true)
  const questions = new Set(counted.map((row) => row.request))
  if (questions.size !== counted.length) problems.push('a question has two answers')
  const claimed = new Set(given.filter((g) => g.data.attributed).map((g) => g.data.request))
  if (questions.size !== claimed.size)
    problems.push(`${questions.size} answers in the cloud, ${claimed.size} in the log`)
}

/** What a clerk was told of a PIN is on record, once. */
function pinsAsTold(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  const ended = new Map<unknown, Fact[]>()
  for (const fact of facts) {
    if (fact.kind !== 'pin.ended') continue
    ended.set(fact.data.request, [...(ended.get(fact.data.request) ?? []), fact])
  }
  for (const [request, facts_] of ended)
    if (facts_.length > 1 && !check.numbersMayRepeat && !check.restored)
      problems.push(`PIN prompt ${request} ended ${facts_.length} times`)
  for (const { gateway, request, content_hash, order } of check.book.pins) {
    if (gateway !== check.owner || check.inDoubt.has(request)) continue
    const said = ended.get(request)?.some(({ data }) => {
      return (
        data.outcome === 'entered' && data.content_hash === content_hash && data.order === order
      )
    })
    if (said !== true) problems.push(`PIN ${request} for ${order}: told entered, not on record`)
  }
}

/** An order that needs a PIN is confirmed with one that was entered for exactly its content. */
function pinsBound(check: HallCheck, facts: readonly Fact[], problems: string[]): void {
  const entered = new Map<unknown, Fact>()
  const asked = new Map<unknown, Fact>()
  const typed = new Map<unknown, Fact>()
  for (const fact of facts) {
    const { data } = fact
    if (fact.kind === 'order.entered') entered.set(data.order, fact)
    if (fact.kind === 'pin.asked') asked.set(data.request, fact)
    if (fact.kind === 'pin.ended' && data.outcome === 'entered') typed.set(data.request, fact)
    if (fact.kind !== 'order.confirmed') continue
    const pin = data.pin as Record<string, unknown> | undefined
    if (pin === undefined) {
      const needed = entered.get(data.order)?.data.pin === 'required'
      if (needed && !check.numbersMayRepeat && !check.restored)
        problems.push(`${data.order} confirmed without a PIN`)
      continue
    }
    if (pin.content_hash !== data.content_hash) problems.push(`${data.order}: another content`)
    if (check.numbersMayRepeat || check.recordsLost) continue
    const [question, answer] = [asked.get(pin.request)?.data, typed.get(pin.request)?.data]
    const same = [question, answer].every((one) => {
      return one?.order === data.order && one?.content_hash === data.content_hash
    })
    if (!same) problems.push(`${data.order}: its PIN was for something else`)
    if (question?.screen !== pin.screen || answer?.device !== pin.device)
      problems.push(`${data.order}: bound to another screen or pad`)
  }
}

function nothingInTheClear(data: HallData, problems: string[]): void {
  for (const { bytes } of data.segments) {
    const text = Buffer.from(bytes)
    for (const secret of [ACCOUNT, BLOCK])
      if (text.includes(secret)) problems.push('an account number or a block is in the log')
  }
}
