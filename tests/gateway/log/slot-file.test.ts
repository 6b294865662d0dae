/** A text that is written over in place: whatever a power cut leaves, one of the two is whole. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SlotFile } from '../../../gateway/log/slot-file.ts'
import { newFolder } from './folder.ts'

const newFile = () => join(newFolder(), 'slots')
const readSlots = (file: string) => new SlotFile(file).read()
const writeSlots = (file: string, text: string) => new SlotFile(file).write(text)

it('gives back what was written last, however long it was', () => {
  const file = newFile()
  expect(readSlots(file)).toBeNull()
  for (const text of ['a', 'b'.repeat(9_000), '', 'hall 大厅', 'c']) {
    writeSlots(file, text)
    expect(readSlots(file)).toBe(text)
  }
  expect(existsSync(`${file}.new`)).toBe(false)
})

it('one that writes on without reading gives each text its turn', () => {
  const file = newFile()
  const slots = new SlotFile(file)
  for (const text of ['a', 'b', 'c', 'd']) {
    slots.write(text)
    expect(readSlots(file)).toBe(text)
  }
})

it('a write that was torn anywhere leaves the text before it, and the next write works', () => {
  const file = newFile()
  for (const text of ['first', 'second '.repeat(40), 'third '.repeat(80)]) writeSlots(file, text)
  const before = readFileSync(file)
  writeSlots(file, 'fourth '.repeat(60))
  const after = readFileSync(file)
  const changed = [...after.keys()].filter((i) => after[i] !== before[i])
  const [from, to] = [changed[0]!, changed.at(-1)! + 1]
  const whole = new Set(['third '.repeat(80), 'fourth '.repeat(60)])
  fc.assert(
    fc.property(fc.integer({ min: from, max: to - 1 }), fc.boolean(), (cut, endFirst) => {
      const torn = Buffer.from(endFirst ? after : before)
      const part = (endFirst ? before : after).subarray(from, cut)
      torn.set(part, from)
      writeFileSync(file, torn)
      expect(whole).toContain(readSlots(file))
      writeSlots(file, 'fifth')
      expect(readSlots(file)).toBe('fifth')
    }),
  )
})

it('a byte that rotted takes its text away, never changes it', () => {
  const file = newFile()
  writeSlots(file, 'first')
  writeSlots(file, 'second')
  const bytes = readFileSync(file)
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0x20 && at % 997 !== 0) continue
    const rotten = Buffer.from(bytes)
    rotten[at]! ^= 4
    writeFileSync(file, rotten)
    expect(['first', 'second']).toContain(readSlots(file))
  }
})

it('a file of another length is not one of ours', () => {
  const file = newFile()
  writeFileSync(file, '{"v":1}')
  expect(readSlots(file)).toBeNull()
  writeSlots(file, 'again')
  expect(readSlots(file)).toBe('again')
})
