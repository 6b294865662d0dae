/**
 * The far end of an ID-card reader: a SAM module and the card on it.
 * Find, select and read each need the one before; a card read (or one that failed) is not found again
 * until it leaves the field; damaged, wrongly long and unknown requests get their status.
 * Assumed, not seen on a real module: 81 for select before find, 41 for read before select, a second
 * read while the card stays, the bare form of the newest address, and 41 for it without a card.
 */
import { type Cancel, type Pace, sleep } from '#devices/std/clock.ts'
import { oneOf, whole } from '#devices/std/setting.ts'
import { type CardText, encodeCardText } from '#devices/wire/id-card-text.ts'
import {
  cardData,
  commandName,
  createRequestDeframer,
  encodeReply,
  newAddressData,
  replyOf,
  type SamCommandName,
  type SamReply,
  type SamRequestFrame,
  samIdData,
} from '#devices/wire/sam.ts'
import { cardKinds, cardOfKind } from '../people/cards.ts'
import { below } from '../people/seeded.ts'
import type { SimKind } from '../sim-kind.ts'
import { readerFaults, readerOnWire } from '../wrongs/sam.ts'
import { MiaxisReports } from './id-card-reader-wrapped.ts'
import type { DeviceModel } from './model.ts'

export type LaidCard = {
  text: CardText
  /** 1 024 bytes; zero without. */
  photo?: Uint8Array
  /** The newest address on the chip, at most 35 characters. */
  new_address?: string
  /** Bytes of fingerprints on the chip; none without, as on older cards. */
  fingerprint_bytes?: 0 | 512 | 1024
  unreadable?: boolean
}

export type ReaderModelOptions = {
  sam_id?: string
  /** Older modules refuse the read of the newest address. */
  knows_new_address?: boolean
  /** Time the module takes before each answer (needs `pace`): 0 and 800 ms are the ends assumed. */
  sam_delay_ms?: number
  /** Fed by its cable, as on USB: unplugged it forgets what it has found, and finds it anew. */
  line_powered?: boolean
  /**
   * Keeps the answer to a look for a card back until one is laid, at most this long (needs `pace`):
   * a module takes a while for it anyway, and nobody has to look in a tight loop.
   */
  answer_hold_ms?: number
  pace?: Pace
  /** A wrong module: whether it finds a card that was read and still lies there. */
  finds_lying?: () => boolean
}

/** `missing`: a reader without its module answers nothing. */
export type ModuleFault = 'self_test_failed' | 'not_authorised' | 'missing'

type Field = LaidCard & { stage: 'laid' | 'found' | 'selected' | 'read' | 'failed' }

export class IdCardReaderModel implements DeviceModel {
  /** Called each time the module hands out the card's text. */
  onRead: (() => void) | null = null
  readonly sam_id: string
  readonly #findsLying: () => boolean
  readonly #knowsNewAddress: boolean
  readonly #delay: { ms: number; pace: Pace } | null
  readonly #hold: { ms: number; pace: Pace } | null
  readonly #deframer = createRequestDeframer()
  #send: ((bytes: Uint8Array) => void) | null = null
  #field: Field | null = null
  readonly #linePowered: boolean
  #fault: ModuleFault | null = null
  /** A look for a card that is not answered yet. */
  #withheld: Cancel | null = null

  constructor(options: ReaderModelOptions = {}) {
    this.sam_id = options.sam_id ?? '05.01-20101129-0001228293-0296863149'
    this.#findsLying = options.finds_lying ?? (() => false)
    this.#knowsNewAddress = options.knows_new_address ?? true
    this.#linePowered = options.line_powered ?? false
    const { sam_delay_ms = 0, answer_hold_ms = 0, pace } = options
    this.#delay = sam_delay_ms > 0 && pace !== undefined ? { ms: sam_delay_ms, pace } : null
    this.#hold = answer_hold_ms > 0 && pace !== undefined ? { ms: answer_hold_ms, pace } : null
  }

  placeCard(card: LaidCard): void {
    this.#field = { ...card, stage: 'laid' }
    this.#answerWithheld()
  }

  removeCard(): void {
    this.#field = null
  }

  /** A module that fails its self test, was never authorised or is not there; null mends it. */
  setFault(fault: ModuleFault | null): void {
    this.#fault = fault
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
  }

  detach(): void {
    this.#send = null
    if (this.#linePowered && this.#field !== null) this.#field.stage = 'laid'
    this.#withheld?.()
    this.#withheld = null
  }

  receive(bytes: Uint8Array): void {
    for (const request of this.#deframer.push(bytes).frames) {
      this.#answerWithheld()
      if (this.#fault === 'missing' || this.#withholds(request)) continue
      if (this.#delay === null) this.#reply(request)
      else this.#answerLate(request, this.#delay)
    }
  }

  /** The card is looked at when the module is done with it, not when it was asked. */
  #answerLate(request: SamRequestFrame, { ms, pace }: { ms: number; pace: Pace }): void {
    const asked = this.#send
    pace.after(ms, 'SAM delay', () => {
      if (asked === this.#send) this.#reply(request)
    })
  }

  #reply(request: SamRequestFrame): void {
    this.#send?.(encodeReply(this.#answer(request)))
  }

  #withholds(request: SamRequestFrame): boolean {
    const hold = this.#hold
    if (hold === null || this.#field !== null || this.#fault !== null) return false
    if ('refuse' in request || commandName(request) !== 'find') return false
    this.#withheld = hold.pace.after(hold.ms, 'look for a card', () => this.#answerWithheld())
    return true
  }

  #answerWithheld(): void {
    if (this.#withheld === null) return
    this.#withheld()
    this.#withheld = null
    this.#send?.(encodeReply(this.#find()))
  }

  #answer(request: SamRequestFrame): SamReply {
    if ('refuse' in request) return replyOf(request.refuse)
    const name = commandName(request)
    if (this.#fault !== null && this.#fault !== 'missing' && name !== 'reset') {
      return replyOf(this.#fault)
    }
    const answer = this.#answers[name as SamCommandName]
    return answer === undefined ? replyOf('command_error') : answer()
  }

  readonly #answers: Record<SamCommandName, () => SamReply> = {
    reset: () => {
      if (this.#field !== null) this.#field.stage = 'laid'
      return replyOf('success')
    },
    status: () => replyOf('success'),
    read_id: () => replyOf('success', samIdData(this.sam_id)),
    find: () => this.#find(),
    select: () => this.#select(),
    read: () => this.#read(),
    read_with_fingerprint: () => this.#read(true),
    read_new_address: () => this.#newAddress(),
  }

  #find(): SamReply {
    const field = this.#field
    if (field === null) return replyOf('find_failed')
    const lying = field.stage === 'read' || field.stage === 'failed'
    if (lying && !this.#findsLying()) return replyOf('find_failed')
    field.stage = 'found'
    return replyOf('card_found', new Uint8Array(4))
  }

  #select(): SamReply {
    const field = this.#field
    if (field === null || field.stage !== 'found') return replyOf('select_failed')
    field.stage = 'selected'
    return replyOf('success', new Uint8Array(8))
  }

  #read(fingerprints = false): SamReply {
    const field = this.#field
    if (field === null || (field.stage !== 'selected' && field.stage !== 'read')) {
      return replyOf('read_failed')
    }
    if (field.unreadable) {
      field.stage = 'failed'
      return replyOf('read_failed')
    }
    field.stage = 'read'
    this.onRead?.()
    const { photo = new Uint8Array(1024), fingerprint_bytes = 0 } = field
    const finger = fingerprints ? fingerprintOf(fingerprint_bytes) : undefined
    return replyOf('success', cardData(encodeCardText(field.text), photo, finger))
  }

  #newAddress(): SamReply {
    if (!this.#knowsNewAddress) return replyOf('command_error')
    const field = this.#field
    if (field === null || field.stage !== 'read') return replyOf('read_failed')
    if (field.new_address === undefined) return replyOf('no_such_item')
    return replyOf('success', newAddressData(field.new_address))
  }
}

/** No finger: the head of a template as enrolled, and a pattern that must turn up nowhere. */
function fingerprintOf(bytes: 0 | 512 | 1024): Uint8Array {
  const data = new Uint8Array(bytes).fill(0xf1)
  for (let at = 0; at < bytes; at += 512) data.set([0x43, 1, 0, 0, 1, at === 0 ? 0x0b : 0x10], at)
  return data
}

const card_lies_ms = 4_000
const moduleFaults: readonly ModuleFault[] = ['missing', 'self_test_failed', 'not_authorised']

export const sim: SimKind = {
  type: 'id_card_reader',
  transports: ['serial', 'tcp', 'hid', 'usb'],
  faults: readerFaults,
  settings: {
    card: {
      zh: '证件类型：resident（默认）、permit、foreigner_2017、foreigner_2023',
      en: 'kind of card: resident (as given), permit, foreigner_2017, foreigner_2023',
      fits: oneOf(...cardKinds),
    },
    sam_delay_ms: {
      zh: '模块每次应答前的耗时，毫秒；假定范围 0 到 800',
      en: 'time the module takes before each answer, ms; 0 to 800 are assumed',
      fits: whole(0, 60_000),
    },
    module: {
      zh: '安全模块：good（默认）、missing、self_test_failed、not_authorised',
      en: 'the security module: good (as given), missing, self_test_failed, not_authorised',
      fits: oneOf('good', ...moduleFaults),
    },
    wrapping: {
      zh: '封装：plain（默认）或 miaxis_hid（64 字节报文）',
      en: 'how frames travel: plain (as given) or miaxis_hid (reports of 64 bytes)',
      fits: oneOf('plain', 'miaxis_hid'),
    },
  },
  make: ({ pace, random, serial, wrong, settings }) => {
    const model = new IdCardReaderModel({
      sam_id: samIdOf(serial),
      finds_lying: () => wrong('found_while_lying'),
      sam_delay_ms: Number(settings.sam_delay_ms ?? 0),
      pace,
    })
    const module = moduleFaults.find((fault) => fault === settings.module)
    model.setFault(module ?? null)
    const kind = cardKinds.find((one) => one === settings.card) ?? 'resident'
    const lay = (person: number) => model.placeCard({ text: cardOfKind(kind, 'sim', person) })
    const use = async () => {
      lay(below(random, 10_000))
      await sleep(pace, card_lies_ms, 'a card lies there')
      model.removeCard()
      return 'card laid and taken back'
    }
    const hands = {
      lay_card: (person: string) => lay(Number(/^\d{1,7}$/.exec(person)?.[0] ?? 1)),
      take_card: () => model.removeCard(),
    }
    const onWire = readerOnWire(model, wrong)
    return {
      model: settings.wrapping === 'miaxis_hid' ? new MiaxisReports(onWire) : onWire,
      use,
      hands,
    }
  },
}

/** A SAM id of its own for every simulated reader, always the same for the same serial. */
export function samIdOf(serial: string): string {
  let number = 1
  for (const unit of serial) number = (number * 31 + (unit.codePointAt(0) ?? 0)) % 1_000_000_007
  return `05.01-20101129-0001228293-${String(number).padStart(10, '0')}`
}
