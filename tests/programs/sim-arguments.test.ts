/** What `npm run sim` says to arguments that cannot be meant: one clear message, and nothing is begun. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

async function sim(...args: string[]) {
  const child = spawn(process.execPath, [join(root, 'firmware-sim/main.ts'), ...args])
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text))
  }
  const [code] = (await once(child, 'close')) as [number]
  return { code, said: said.join('') }
}

test('--help says how a device that only speaks when pressed is tried with nobody there', async () => {
  const { code, said } = await sim('--help')
  const text = said.replaceAll(/\s+/g, ' ')
  for (const type of ['ff68_pad', 'ff68_rater', 'service_password_pad']) {
    expect(text).toMatch(new RegExp(`--every <seconds> [^-]*${type}[^-]*--unattended: --every 2`))
  }
  expect(code).toBe(0)
})

test.each([
  [['--type', 'teapot'], /no such device type/],
  [['--type', 'id_card_reader', '--control', 'abc'], /--control abc: must be from 0 to 65535/],
  [['--type', 'id_card_reader', '--control', '99999'], /--control 99999/],
  [['--play', '/no/such/file', '--port', 'abc'], /--port abc/],
  [['--type', 'id_card_reader', '--set', 'card=library'], /settings\.card: may not be library/],
  [['--type', 'id_card_reader', '--set', 'sam_delay_ms=soon'], /sam_delay_ms: may not be soon/],
  [['--type', 'ff68_pad', '--set', 'address=300'], /settings\.address: may not be 300/],
  [['--type', 'ff68_rater', '--set', 'repeat_ms=0'], /repeat_ms: may not be 0/],
  [['--type', 'hall_display', '--set', 'protocol=hdmi'], /protocol: may not be hdmi/],
  [['--type', 'hall_display', '--set', 'warm_ms='], /warm_ms: may not be /],
  [['--type', 'xfs4iot', '--pty'], /--pty: xfs4iot is no serial device/],
  [['--type', 'xfs4iot', '--set', 'edition=second'], /edition: may not be second/],
])('%j', async (args, words) => {
  const { code, said } = await sim(...args)
  expect(said).toMatch(words)
  expect(said).not.toMatch(/^ {4}at /m)
  expect(said).not.toMatch(/tcp:\/\//)
  expect(code).toBe(2)
})
