import { expect, it } from 'vitest'
import { boundAs } from '../../../gateway/hall/bindings.ts'
import type { Ask } from '../../../gateway/hall/input.ts'
import { openHall } from './fixtures.ts'

const bind = (changes: Partial<Extract<Ask, { type: 'device.bind' }>> = {}): Ask => ({
  ...{ type: 'device.bind', device: 'reader-1', device_type: 'id_card_reader' },
  ...{ identity: 'SAM-1', place: 'serial:/dev/ttyS0', counter: '1', by: 'ann' },
  ...changes,
})
const replace = (old_identity: string, new_identity: string, device = 'reader-1'): Ask => ({
  ...{ type: 'device.replace', device, old_identity, new_identity, by: 'ann' },
})

it('a device is bound by what it says it is; at another place it is the same one', () => {
  const h = openHall()
  expect(h.must(bind()).device).toBe('reader-1')
  expect(h.code(bind())).toBe('repeat')
  expect(h.code(bind({ place: 'serial:/dev/ttyS1' }))).toBe('recorded')
  expect(h.state.devices['reader-1']).toMatchObject({ place: 'serial:/dev/ttyS1', counter: '1' })
  expect(boundAs(h.state, 'SAM-1')).toBe('reader-1')
  expect(h.code(bind({ counter: '77' }))).toBe('unknown_counter')
})

it('one device has one name, and a name is another device only by a replacement', () => {
  const h = openHall()
  h.must(bind())
  expect(h.code(bind({ device: 'reader-2', by: 'first_seen' }))).toBe('wrong_state')
  expect(h.code(bind({ identity: 'SAM-2' }))).toBe('wrong_state')
  h.must(bind({ device: 'reader-2', identity: 'SAM-2' }))
  expect(h.code(replace('SAM-9', 'SAM-3'))).toBe('wrong_state')
  expect(h.code(replace('SAM-1', 'SAM-3', 'nobody'))).toBe('not_found')
  h.must(replace('SAM-1', 'SAM-3'))
  expect(h.code(replace('SAM-1', 'SAM-3'))).toBe('repeat')
  expect(boundAs(h.state, 'SAM-1')).toBeNull()
  expect(boundAs(h.state, 'SAM-3')).toBe('reader-1')
})

it('a device that a person moved has left its old place, which is free for another', () => {
  const h = openHall()
  h.must(bind())
  h.must(bind({ device: 'reader-2', identity: 'SAM-2' }))
  h.must(replace('SAM-1', 'SAM-2'))
  expect(h.state.devices).toEqual({ 'reader-1': expect.objectContaining({ identity: 'SAM-2' }) })
  h.must(bind({ device: 'reader-2', identity: 'SAM-1', by: 'first_seen' }))
  h.must(bind({ device: 'reader-3', identity: 'SAM-1' }))
  expect(Object.keys(h.state.devices).sort()).toEqual(['reader-1', 'reader-3'])
})
