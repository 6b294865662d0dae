import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PresenceBoard } from '../../cloud/health/board.ts'
import {
  devicesOf,
  fold,
  type HallPresence,
  ownerChanged,
  readPresence,
  UNKNOWN,
  unbooked,
} from '../../cloud/health/presence.ts'

const EPOCH = '0'.repeat(32)
const device = { device: 'r1', type: 'reader', state: 'online', reason: '', since_ms: 1 }

function birth(session: number, over: object = {}) {
  return JSON.stringify({
    ...{ v: 1, type: 'birth', gateway: 'gw', fence: 1, session: id(session), epoch: EPOCH },
    ...{ epoch_number: 1, parent: null, head: { seq: 10, hash: 'a'.repeat(64) }, unbooked: 4 },
    ...{ unbooked_since_ms: 1_000, version: '1', config_version: 1, devices: [device] },
    ...{ clock: { wall_ms: 1, skew_ms: 200 }, sent: { boot: 'b', mono_ms: 0 }, ...over },
  })
}

const id = (session: number) => session.toString(16).padStart(16, '0')
const death = (session: number) => JSON.stringify({ v: 1, type: 'death', session: id(session) })

function heard(...texts: (string | null)[]): HallPresence {
  return texts.reduce<HallPresence>(
    (state, text, i) => fold(state, readPresence(text), { now_ms: i + 1, owner: 'gw' }),
    UNKNOWN,
  )
}

describe('presence', () => {
  it('is unknown until a birth, also after the death of somebody unknown', () => {
    expect(heard().state).toBe('unknown')
    expect(heard(death(1)).state).toBe('unknown')
    expect(heard(birth(1))).toMatchObject({ state: 'present', since_ms: 1 })
  })

  it('ends with the death of its own session only', () => {
    expect(heard(birth(1), birth(2), death(1))).toMatchObject({ state: 'present' })
    expect(heard(birth(1), birth(2), death(1), death(2))).toMatchObject({
      ...{ state: 'gone', since_ms: 4 },
    })
  })

  it('goes on through births of one session, and begins anew with another', () => {
    expect(heard(birth(1), birth(1), birth(1)).since_ms).toBe(1)
    expect(heard(birth(1), birth(2)).since_ms).toBe(2)
    expect(heard(birth(1), death(1), birth(2)).since_ms).toBe(3)
  })

  it('is not touched by a gateway that does not own the hall, which is named', () => {
    const foreign = birth(7, { gateway: 'clone' })
    const state = heard(birth(1), foreign)
    expect(state).toMatchObject({ state: 'present', birth: { gateway: 'gw' } })
    expect(state.intruder).toMatchObject({ gateway: 'clone' })
    const later = heard(birth(1), foreign, death(7))
    expect([later.state, later.intruder]).toEqual(['present', null])
  })

  it('starts over when the hall moves to another gateway', () => {
    const moved = ownerChanged(heard(birth(1)), 'gw-2')
    expect(moved).toMatchObject({ state: 'unknown', birth: null })
    expect(ownerChanged(heard(birth(1)), 'gw').state).toBe('present')
  })

  it('counts what it cannot read and keeps what it knew', () => {
    const deep = '['.repeat(100) + ']'.repeat(100)
    const large = birth(1).padEnd(70_000)
    const state = heard(
      birth(1),
      null,
      '{',
      deep,
      large,
      birth(1, { v: 2 }),
      birth(1, { devices: [{}] }),
    )
    expect(state).toMatchObject({ state: 'present', problems: 6 })
    expect(state.last_problem).toMatch(/^invalid: devices/)
  })

  it('never throws, whatever comes', () => {
    const anything = fc.oneof(fc.string(), fc.json(), fc.constant(birth(1)), fc.constant(null))
    fc.assert(
      fc.property(fc.array(anything), (texts) => void heard(...texts)),
      { numRuns: 300 },
    )
  })
})

describe('what is on the gateway only', () => {
  const state = heard(birth(1))

  it('is what it reported, with the age put right by its skew', () => {
    expect(unbooked(state, { epoch: EPOCH, seq: 6 }, 9_200)).toEqual({
      ...{ records: 4, oldest_ms: 8_000, reported_ms: 1 },
    })
  })

  it('shrinks as the cloud books, to nothing at the reported head', () => {
    expect(unbooked(state, { epoch: EPOCH, seq: 8 }, 9_200)?.records).toBe(2)
    expect(unbooked(state, { epoch: EPOCH, seq: 10 }, 9_200)).toMatchObject({
      ...{ records: 0, oldest_ms: null },
    })
  })

  it('is not guessed for a hall that was not heard', () => {
    expect(unbooked(UNKNOWN, null, 0)).toBe(null)
  })
})

it('shows devices of a gateway that is gone as last known', () => {
  expect(devicesOf(heard(birth(1)))[0]?.state).toBe('online')
  expect(devicesOf(heard(birth(1), death(1)))[0]?.state).toBe('stale')
})

describe('the board', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  it('holds a bounded number of halls', () => {
    const board = new PresenceBoard({ now_ms: () => 1, halls_max: 2 })
    for (const hall of ['a', 'b', 'c']) board.hear(hall, bytes(birth(1)))
    expect([board.of('b').state, board.of('c').state, board.dropped]).toEqual([
      ...['present', 'unknown', 1],
    ])
  })

  it('takes bytes that are not UTF-8 as a problem', () => {
    const changed: string[] = []
    const board = new PresenceBoard({ now_ms: () => 1, changed: (hall) => changed.push(hall) })
    board.hear('a', new Uint8Array([0xff, 0xfe]))
    expect(board.of('a')).toMatchObject({ problems: 1, last_problem: 'bad_text' })
    expect(changed).toEqual(['a'])
  })

  it('counts batches that were refused, whoever owns the hall', () => {
    const changed: string[] = []
    const board = new PresenceBoard({ now_ms: () => 1, changed: (hall) => changed.push(hall) })
    board.hear('a', bytes(birth(1)))
    board.refuse('a')
    board.setOwner('a', 'other')
    board.refuse('a')
    expect(board.of('a')).toMatchObject({ state: 'unknown', batches_refused: 2, problems: 0 })
    expect(board.of('b').batches_refused).toBe(0)
    expect(changed.slice(0, 2)).toEqual(['a', 'a'])
  })

  it('knows the owner it was told', () => {
    const board = new PresenceBoard({ now_ms: () => 1 })
    board.setOwner('a', 'other')
    board.hear('a', bytes(birth(1)))
    expect(board.of('a')).toMatchObject({ state: 'unknown', intruder: { gateway: 'gw' } })
  })
})
