/**
 * Second-generation ID-card reader (SAM protocol). Looks for a card, reads it once, and keeps it in
 * memory while it lies there: a module does not find the same card again, so a found-nothing means
 * "no new card" only. Find, select and read follow each other without a pause.
 * Whether the card still lies there is asked with the read of the newest address (30 03), which
 * works while a read card stays. Assumed from one source; a reader that refuses the command has its
 * card forgotten after `hold_ms` or when another is found.
 * After a connect a read is tried at once, unless the card was forgotten on purpose: a card read
 * before a restart is still selected on modules that keep it (assumed; others answer 41 and lose
 * nothing). A card that was known before the link was lost is reported again only if it is another:
 * a reader that lost its power finds and reads the same one anew.
 * A damaged reply is asked for again, never guessed. Refuses another SAM id than the one that belongs
 * here: no card is looked for then.
 */
import { equalBytes } from '../std/bytes.ts'
import { decodeCardText } from '../wire/id-card-text.ts'
import {
  createReplyDeframer,
  encodeRequest,
  isFound,
  isPlainSuccess,
  isSelected,
  readCard,
  readNewAddress,
  readSamId,
  refusalOf,
  replyBytes,
  type SamCommandName,
  type SamReply,
  samCommands,
  statusName,
} from '../wire/sam.ts'
import { Card } from './card.ts'
import { type ReaderOptions, readerDefaults, readerRules } from './id-card-reader-options.ts'
import { readerAssumptions } from './id-card-reader-words.ts'
import type { Action, DeviceType, MachineEvent, Step } from './machine.ts'

export type { ReaderOptions } from './id-card-reader-options.ts'
export { type Advice, adviceFor, readerAdvice } from './id-card-reader-words.ts'

export type ReaderInput =
  | { type: 'card'; card: Card }
  | { type: 'removed'; reading: number }
  /** The newest address on the card of that reading; told once. Personal data. */
  | { type: 'newest_address'; reading: number; address: string }
  /**
   * A card is there and cannot be read; `status` is the module's word for why, or `reads_differ` or
   * `second_read_refused`.
   */
  | { type: 'unreadable'; status: string }

export type ReaderCommand =
  /** The session is over: the card is forgotten, though it may lie there still. */
  | { command: 'forget' }
  /**
   * The card that lies there. Answered from memory; one that was forgotten is read again, and
   * reported as a card that was laid.
   */
  | { command: 'read' }

export type ReaderResult = 'done' | 'no_card' | { card: Card }

type Question = 'status' | 'read_id' | 'reread' | 'presence' | 'find' | 'select' | 'read' | 'again'

export type ReaderState = {
  options: ReaderOptions
  /** Who answered last. */
  sam: string | null
  phase: 'down' | 'starting' | 'ready' | 'wrong_device' | 'impaired'
  asked: Question | null
  /** Somebody works at its counter. */
  open: boolean
  misses: number
  /** Further tries of one question whose answer came damaged or was refused as damaged. */
  tries: number
  card: Card | null
  /** The card that lies there was forgotten on purpose: a lost link must not bring it back. */
  forgotten: boolean
  card_at_ms: number
  /** The reading whose newest address was told. */
  address_told: number
  /**
   * Whether it is still that one has to be found out: `lost`, as the link was lost since it was read;
   * `found`, as one was found after that, and only its text can tell, whatever else is answered.
   */
  doubt: 'none' | 'lost' | 'found'
  /** The first of two readings, while the second is not there. */
  first: Uint8Array | null
  /** Commands to read that wait for a reading under way. */
  wanted: readonly number[]
  readings: number
  /** Whether this reader answers the question for presence; null until it was asked. */
  tells_presence: boolean | null
}

type ReaderStep = Step<ReaderState, ReaderInput, ReaderResult>
type ReaderAction = Action<ReaderInput, ReaderResult>

const most_tries = 3
const recheck_ms = 2000

export const idCardReader: DeviceType<
  ReaderState,
  SamReply,
  ReaderCommand,
  ReaderInput,
  ReaderResult,
  ReaderOptions
> = {
  name: 'id_card_reader',
  title: { zh: '身份证阅读器', en: 'ID-card reader' },
  protocol: 'sam',
  carries_cards: true,
  assumptions: readerAssumptions,
  line: { baud: 115_200, parity: 'none', stop: 1 },
  // A card is 1 295 bytes; two late ones and some noise still pass.
  limits: { most_bytes_per_send: 4096 },
  defaults: readerDefaults,
  rules: readerRules,
  deframer: createReplyDeframer,
  label: (reply) => ({
    command: 'reply',
    length: replyBytes(reply),
    status: statusName(reply.sw3),
  }),
  begin: (options) => ({
    options,
    sam: null,
    phase: 'down',
    asked: null,
    open: true,
    misses: 0,
    tries: 0,
    card: null,
    forgotten: false,
    card_at_ms: 0,
    address_told: 0,
    doubt: 'none',
    first: null,
    wanted: [],
    readings: 0,
    tells_presence: null,
  }),
  step,
  attend(state, open) {
    const attended: ReaderState = { ...state, open }
    const waits = state.phase === 'ready' && state.asked === null && open && !state.open
    return waits ? rest(attended, 1) : { state: attended, actions: [] }
  },
}

function step(
  state: ReaderState,
  event: MachineEvent<SamReply, ReaderCommand>,
  now_ms: number,
): ReaderStep {
  switch (event.type) {
    case 'connected':
      return ask({ ...state, phase: 'starting', misses: 0 }, 'status')
    case 'disconnected':
      return lost(state)
    case 'frame':
      return onReply(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state, now_ms)
    case 'command':
      return event.command.command === 'forget' ? forget(state, event.id) : read(state, event.id)
    case 'settled':
      return { state, actions: [] }
  }
}

function lost(state: ReaderState): ReaderStep {
  const doubt = state.card === null || state.doubt === 'found' ? state.doubt : 'lost'
  return answerAll({ ...state, phase: 'down', asked: null, first: null, doubt }, 'no_card')
}

function forget(state: ReaderState, id: number): ReaderStep {
  const done: ReaderAction = { do: 'finish', id, result: 'done' }
  const empty: ReaderState = { ...state, card: null, doubt: 'none', forgotten: true }
  return { state: empty, actions: [done] }
}

function read(state: ReaderState, id: number): ReaderStep {
  const { card } = state
  const unknown = isUnknown(state)
  if (card !== null && !unknown) return finish(state, [id], { card })
  const underWay = state.asked !== null && reading.has(state.asked)
  if (state.phase !== 'ready' || !(state.forgotten || unknown || underWay)) {
    return finish(state, [id], 'no_card')
  }
  const wanting: ReaderState = { ...state, wanted: [...state.wanted, id] }
  return state.asked === null ? ask(wanting, 'reread') : { state: wanting, actions: [] }
}

function finish(state: ReaderState, ids: readonly number[], result: ReaderResult): ReaderStep {
  return { state, actions: ids.map((id) => ({ do: 'finish', id, result })) }
}

/** To all who wait for a card. */
function answerAll(state: ReaderState, result: ReaderResult): ReaderStep {
  return finish({ ...state, wanted: [] }, state.wanted, result)
}

/** Questions that may end with a card. */
const reading: ReadonlySet<Question> = new Set(['select', 'read', 'again', 'reread'])

const commands: Record<Question, SamCommandName> = {
  status: 'status',
  read_id: 'read_id',
  reread: 'read',
  presence: 'read_new_address',
  find: 'find',
  select: 'select',
  read: 'read',
  again: 'read',
}

function ask(state: ReaderState, question: Question, tries = 0): ReaderStep {
  const name = commands[question]
  const { reply_ms, read_reply_ms } = state.options
  return {
    state: { ...state, asked: question, tries },
    actions: [
      { do: 'send', bytes: encodeRequest(samCommands[name]), label: name },
      { do: 'timer', kind: 'reply', ms: name === 'read' ? read_reply_ms : reply_ms },
    ],
  }
}

function restOf({ open, options }: ReaderState): number {
  return open ? options.poll_ms : Math.max(options.poll_ms, options.closed_poll_ms)
}

function rest(state: ReaderState, ms = restOf(state)): ReaderStep {
  const { state: resting, actions } = answerAll({ ...state, asked: null, first: null }, 'no_card')
  return { state: resting, actions: [...actions, { do: 'timer', kind: 'rest', ms }] }
}

function after(actions: ReaderAction[], next: ReaderStep): ReaderStep {
  return { state: next.state, actions: [...actions, ...next.actions] }
}

function count(counter: 'wrong_answers' | 'unasked_frames' | 'timeouts'): ReaderAction {
  return { do: 'count', counter }
}

function onTimer(state: ReaderState, now_ms: number): ReaderStep {
  if (state.phase === 'down') return { state, actions: [] }
  const { asked } = state
  if (asked === null) return next(state, now_ms)
  const misses = state.misses + 1
  const missing: ReaderState = { ...state, misses }
  if (misses >= state.options.most_misses) {
    return {
      state: { ...missing, asked: null },
      actions: [count('timeouts'), { do: 'drop', reason: 'no_answer' }],
    }
  }
  // Behind a serial server another reader may have taken its place.
  return after([count('timeouts')], ask(missing, state.phase === 'ready' ? 'read_id' : asked))
}

/** The next question of a reader at rest. */
function next(state: ReaderState, now_ms: number): ReaderStep {
  if (state.phase !== 'ready') return ask(state, 'status')
  if (state.card === null) return ask(state, 'find')
  if (isUnknown(state)) return ask(state, 'reread')
  if (state.tells_presence !== false) return ask(state, 'presence')
  if (now_ms - state.card_at_ms < state.options.hold_ms) return ask(state, 'find')
  return removed(state, 'find')
}

function onReply(state: ReaderState, reply: SamReply, now_ms: number): ReaderStep {
  const { asked } = state
  if (asked === null) return { state, actions: [count('unasked_frames')] }
  const heard: ReaderState = { ...state, misses: 0 }
  const refusal = refusalOf(reply)
  // The module found our request damaged: the same once more.
  if ((refusal === 'checksum_error' || refusal === 'length_error') && state.tries < most_tries) {
    return ask(heard, asked, state.tries + 1)
  }
  const answered = answerTo[asked](heard, reply, now_ms)
  // Of another question, or damaged with its checksum kept: the right one may yet come.
  return answered ?? { state, actions: [count('wrong_answers')] }
}

type OnReply = (state: ReaderState, reply: SamReply, now_ms: number) => ReaderStep | null

const answerTo: Record<Question, OnReply> = {
  status: onStatus,
  read_id: onSamId,
  reread: onReread,
  presence: onPresence,
  find: onFound,
  select: onSelected,
  read: onRead,
  again: onAgain,
}

function onStatus(state: ReaderState, reply: SamReply): ReaderStep | null {
  if (isPlainSuccess(reply)) return ask(state, 'read_id')
  return impaired(state, reply)
}

function impaired(state: ReaderState, reply: SamReply): ReaderStep | null {
  const reason = refusalOf(reply)
  if (reason === null) return null
  // Nobody in the hall can mend a module; one that was never authorised is not set up yet.
  const worst = reason === 'not_authorised' ? 'not_configured' : 'hardware_error'
  const told: ReaderAction = { do: 'state', state: worst, reason }
  return after([told], rest({ ...state, phase: 'impaired' }, recheck_ms))
}

function onSamId(state: ReaderState, reply: SamReply): ReaderStep | null {
  const key = readSamId(reply)
  const wasReady = state.phase === 'ready'
  // The late answer to what was asked before says nothing about the module.
  if (key === null) return wasReady ? null : impaired(state, reply)
  const known: ReaderAction = { do: 'identity', identity: { key, firmware: null } }
  const expected = state.options.sam_id
  if (expected !== null && expected !== key) {
    const reason = `wrong device: SAM ${key}`
    const wrong: ReaderAction = { do: 'state', state: 'not_configured', reason }
    const held: ReaderState = { ...state, phase: 'wrong_device', card: null }
    return after([known, wrong, ...lifted(state)], rest(held, recheck_ms))
  }
  const same = state.sam === null || state.sam === key
  const told = same ? [] : lifted(state)
  if (!same || !wasReady) told.push(online('answers'))
  const before = same ? state : { ...state, ...nothing_there }
  const ready: ReaderState = { ...before, sam: key, phase: 'ready' }
  return after([known, ...told], ask(ready, firstQuestion(ready)))
}

/** Of another reader: what lay on the one before does not lie on it. */
const nothing_there = {
  card: null,
  doubt: 'none',
  forgotten: false,
  tells_presence: null,
} as const

/** A card lies there, and it is not known whether it is the one in memory. */
function isUnknown({ card, doubt }: ReaderState): boolean {
  return card !== null && doubt === 'found'
}

function firstQuestion(state: ReaderState): Question {
  if (state.card !== null && !isUnknown(state)) {
    return state.tells_presence === false ? 'find' : 'presence'
  }
  return state.forgotten ? 'find' : 'reread'
}

function online(reason: string): ReaderAction {
  return { do: 'state', state: 'online', reason }
}

function lifted({ card }: ReaderState): ReaderAction[] {
  return card === null ? [] : [{ do: 'emit', input: { type: 'removed', reading: card.reading } }]
}

function onReread(state: ReaderState, reply: SamReply, now_ms: number): ReaderStep | null {
  if (refusalOf(reply) === null) return onRead(state, reply, now_ms)
  const { state: told, actions } = answerAll(state, 'no_card')
  return after(actions, ask(told, 'find'))
}

function onFound(state: ReaderState, reply: SamReply): ReaderStep | null {
  // Another card, or the same one lifted and laid again; in doubt its text will tell.
  if (isFound(reply)) {
    const fresh: ReaderState = { ...state, forgotten: false }
    if (fresh.card === null) return ask(fresh, 'select')
    return fresh.doubt === 'none'
      ? removed(fresh, 'select')
      : ask({ ...fresh, doubt: 'found' }, 'select')
  }
  if (refusalOf(reply) === null) return null
  if (state.doubt === 'found' || (state.doubt === 'lost' && state.tells_presence !== false)) {
    return gone(state)
  }
  // Somebody asked for the card that was forgotten, while this look was under way.
  if (state.forgotten && state.wanted.length > 0) return ask(state, 'reread')
  return rest({ ...state, doubt: 'none' })
}

/** It is neither there nor another one to be found. */
function gone(state: ReaderState): ReaderStep {
  const told = [...lifted(state), online('answers')]
  return after(told, rest({ ...state, card: null, doubt: 'none' }))
}

function onSelected(state: ReaderState, reply: SamReply): ReaderStep | null {
  if (isSelected(reply)) return ask(state, 'read')
  return refusalOf(reply) === null ? null : rest(state)
}

function onRead(state: ReaderState, reply: SamReply, now_ms: number): ReaderStep | null {
  const content = readCard(reply)
  if (content !== null) {
    return state.options.read_twice
      ? ask({ ...state, first: reply.data }, 'again')
      : taken(state, content.text, now_ms)
  }
  const status = refusalOf(reply)
  return status === null ? null : unreadable(state, status)
}

/** The same card once more: both readings have to be the same in every byte. */
function onAgain(state: ReaderState, reply: SamReply, now_ms: number): ReaderStep | null {
  const content = readCard(reply)
  if (content === null) return refusalOf(reply) && unreadable(state, 'second_read_refused')
  if (state.first !== null && equalBytes(state.first, reply.data)) {
    return taken(state, content.text, now_ms)
  }
  if (state.tries >= most_tries) return unreadable(state, 'reads_differ')
  return ask({ ...state, first: reply.data }, 'again', state.tries + 1)
}

function unreadable(state: ReaderState, status: string): ReaderStep {
  // It was read before; most likely it is being lifted, and the next looks will tell.
  if (state.card !== null) return rest(state)
  const told: ReaderAction[] = [
    { do: 'emit', input: { type: 'unreadable', status } },
    online(status in own_words ? status : 'card_unreadable'),
  ]
  return after(told, rest(state))
}

const own_words = { reads_differ: true, second_read_refused: true }

/** The photo ends here: nobody can show it, so nobody keeps it. */
function taken(state: ReaderState, block: Uint8Array, now_ms: number): ReaderStep {
  const { text, warnings } = decodeCardText(block)
  const known: ReaderState = { ...state, doubt: 'none', forgotten: false, card_at_ms: now_ms }
  if (state.card !== null && JSON.stringify(state.card.text) === JSON.stringify(text)) {
    return after([online('card_present')], rest(known))
  }
  const readings = state.readings + 1
  const card = new Card(readings, { text, warnings })
  const told: ReaderAction[] = [
    ...lifted(state),
    { do: 'emit', input: { type: 'card', card } },
    online('card_present'),
  ]
  const { state: held, actions } = answerAll({ ...known, card, readings }, { card })
  return after([...told, ...actions], rest(held))
}

function onPresence(state: ReaderState, reply: SamReply): ReaderStep | null {
  const newest = readNewAddress(reply)
  if (newest !== null) {
    const there = rest({ ...state, tells_presence: true, doubt: 'none' })
    const { card, address_told } = state
    if (newest === 'no_such_item' || card === null || card.reading === address_told) return there
    const { address } = newest
    const { reading } = card
    const told: ReaderAction = { do: 'emit', input: { type: 'newest_address', reading, address } }
    return after([told], { ...there, state: { ...there.state, address_told: reading } })
  }
  const refusal = refusalOf(reply)
  if (refusal === null) return null
  if (refusal === 'command_error' && state.tells_presence === null) {
    return rest({ ...state, tells_presence: false })
  }
  return state.doubt === 'none' ? removed(state, 'find') : ask(state, 'find')
}

function removed(state: ReaderState, then: 'find' | 'select'): ReaderStep {
  const told = lifted(state)
  if (told.length > 0) told.push(online('answers'))
  return after(told, ask({ ...state, card: null }, then))
}
