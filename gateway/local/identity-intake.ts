/**
 * Cards that a program of somebody else read, for readers that only a vendor's library can talk to.
 * The program encrypts the fields to the gateway's session key; they are opened here, checked,
 * sealed at once and recorded, as a card laid on a reader of ours is.
 *
 * Refuses what was encrypted to another run, for another counter, was handed in before under another
 * key, or is no card. Faults: `malformed`, `too_large`, `invalid`, `forbidden`, `unavailable`, and
 * what the desk refuses with. None of them quotes a field.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { PublicKey } from '#devices/contract/enrolment.ts'
import type { Source } from '#devices/contract/record.ts'
import { Name } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { Card } from '#devices/types/card.ts'
import { type CardText, warningsOf } from '#devices/wire/id-card-text.ts'
import type { Answer } from '../hall/input.ts'
import type { Desk } from '../ports.ts'
import { describeCard } from '../seal/describe.ts'
import type { Sealer } from '../seal/sealer.ts'
import type { SessionKey } from '../seal/session-key.ts'
import type { CardMemory } from './card-memory.ts'
import { sessionOf } from './counter-session.ts'
import type { HallView } from './ports.ts'

export interface IdentityIntake {
  /** What callers encrypt to; another one after every start. */
  readonly public_key: PublicKey
  take(counter: string, jwe: string, source: Source): Promise<Answer>
}

export type IntakeParts = {
  key: SessionKey
  /** Null until the hall is open. */
  sealer: () => Sealer | null
  desk: Desk
  hall: HallView
  memory: CardMemory
  /** YYYY-MM-DD in the hall's zone. */
  today: () => string
}

export function identityIntake(parts: IntakeParts): IdentityIntake {
  let reading = 0
  const used = new Used()
  return {
    public_key: parts.key.public_key,
    async take(counter, jwe, source) {
      const sealer = parts.sealer()
      if (sealer === null) throw new Fault('unavailable', 'starting')
      const text = readResult(await parts.key.open(jwe), counter)
      if (!used.by(jwe, source)) throw new Fault('forbidden', 'identity result of another request')
      const card = new Card(++reading, { text, warnings: warningsOf(text) })
      const about = describeCard(card.text, card.warnings, parts.today())
      const sealed = await sealer.seal(card)
      const ask = { type: 'card', counter, card: { ...about, ...sealed } } as const
      const answer = await parts.desk.submit(ask, source)
      if (answer.outcome === 'refused') used.not(jwe)
      // A repeat may come when the next customer stands there, who must not see the card.
      const isNew = answer.outcome === 'recorded' && !answer.repeat
      const view = isNew ? parts.hall.counter(counter) : null
      if (view !== null) parts.memory.put(counter, card, sessionOf(view))
      return answer
    },
  }
}

/** Results kept in mind: more than a counter takes in a day. */
const used_most = 4_096

/** Which request brought a result: one that is seen and handed in again is another customer's. */
class Used {
  readonly #by = new Map<string, string>()

  /** False where another request brought it. */
  by(jwe: string, source: Source): boolean {
    const mark = markOf(jwe)
    const caller = JSON.stringify(source)
    const before = this.#by.get(mark)
    if (before !== undefined) return before === caller
    for (const oldest of this.#by.keys()) {
      if (this.#by.size < used_most) break
      this.#by.delete(oldest)
    }
    this.#by.set(mark, caller)
    return true
  }

  /** Nothing came of it: it may be tried anew. */
  not(jwe: string): void {
    this.#by.delete(markOf(jwe))
  }
}

/** Header and tag: the one is signed as it is written, the other may be spelt in several ways. */
function markOf(jwe: string): string {
  const [header = '', , , , tag = ''] = jwe.split('.')
  const text = `${header}.${Buffer.from(tag, 'base64url').toString('base64url')}`
  return createHash('sha256').update(text).digest('base64')
}

/** As long as on the card, in UTF-16 units; what a reader does not give is empty. */
const field = (most: number) => z.string().max(most).default('')
const must = (most: number) => z.string().min(1).max(most)
const CardDate = z.string().regex(/^(\d{8}|长期)$/)
const common = {
  name: must(15),
  sex: field(1),
  birth: z.string().regex(/^\d{8}$/),
  number: must(18),
  valid_from: CardDate,
  valid_to: CardDate,
}
const onPaper = { ...common, address: field(35), issuer: field(15) }

/** The fields by the names of the card codec, each as on the chip: codes, not their names. */
const CardFields = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('resident'),
    ...onPaper,
    nation: field(2),
    reserved: field(18),
  }),
  z.strictObject({
    kind: z.literal('permit'),
    ...onPaper,
    pass_number: field(9),
    issue_count: field(2),
    reserved: field(8),
  }),
  z.strictObject({
    kind: z.literal('foreigner_2017'),
    ...common,
    number: must(15),
    name: field(15),
    name_en: must(60),
    nationality: field(3),
    version: field(2),
    authority: field(4),
    reserved: field(3),
  }),
  z.strictObject({
    kind: z.literal('foreigner_2023'),
    ...common,
    name: field(15),
    name_en: must(46),
    renewals: field(2),
    nationality: field(3),
    previous_link: field(3),
    reserved: field(15),
  }),
])

/** The plain text of `jwe`: it names its counter, so that it is of no use at another one. */
export const IdentityResult = z.strictObject({
  v: z.literal(1),
  counter: Name,
  card: CardFields,
})

const utf8 = new TextDecoder('utf-8', { fatal: true })

function readResult(plain: Uint8Array, counter: string): CardText {
  let raw: unknown
  try {
    raw = JSON.parse(utf8.decode(plain))
  } catch {
    // A parser's message quotes what it read.
    throw new Fault('malformed', 'identity result')
  }
  const parsed = IdentityResult.safeParse(raw)
  if (!parsed.success) {
    const paths = parsed.error.issues.map(({ path }) => path.map(String).join('.'))
    throw new Fault('invalid', `identity result: ${[...new Set(paths)].slice(0, 20).join(', ')}`)
  }
  if (parsed.data.counter !== counter) throw new Fault('forbidden', 'made for another counter')
  return parsed.data.card
}
