/** The person at the terminal: done, skipped, seen, gone. */
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { personAt } from '../../gateway/conform/helpers.ts'

const prompt = { zh: '请打开机盖', en: 'open the cover' }

it('waits for the person, takes a skip for one, and an end of the input for their leaving', async () => {
  const input = new PassThrough()
  const said: string[] = []
  await using person = personAt(
    input,
    (line) => said.push(line),
    ({ zh, en }) => `${en} / ${zh}`,
  )
  input.write('\n')
  expect(await person.hand('open_cover', '', prompt)).toBe(true)
  input.write('s\n')
  expect(await person.hand('close_cover', '', prompt)).toBe(false)
  input.write('y\nn\n\n')
  expect(await person.sees(prompt)).toBe(true)
  expect(await person.sees(prompt)).toBe(false)
  expect(await person.sees(prompt)).toBe(null)
  // A key is waited for on the line, not at the terminal.
  expect(await person.hand('press', 'next', prompt)).toBe(true)
  input.end()
  await new Promise((done) => setImmediate(done))
  expect(await person.hand('open_cover', '', prompt)).toBe(false)
  expect(await person.hand('press', 'next', prompt)).toBe(false)
  expect(await person.sees(prompt)).toBe(null)
  expect(said[0]).toContain('open the cover / 请打开机盖')
})
