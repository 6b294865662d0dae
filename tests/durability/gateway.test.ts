/** The sync between a record's write to the hall log and the word that it is recorded. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { hasStrace, judge, trace } from './trace.ts'

const folder = mkdtempSync(join(tmpdir(), 'hallway-durable-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const APPENDS = 20
const appender = join(import.meta.dirname, '../gateway/log/appender.ts')

async function appends(durable: 'durable' | 'not') {
  const log = join(folder, durable)
  const { code, out, file } = await trace(folder, [appender, log, '1', durable, `${APPENDS}`])
  expect(code, out).toBe(0)
  return judge(
    file,
    (path) => path.startsWith(log) && path.includes('hall-log.sqlite'),
    /recorded \d+/,
  )
}

it.runIf(hasStrace())('every record is synced before it is called recorded', async () => {
  const judged = await appends('durable')
  expect(judged).toHaveLength(APPENDS)
  for (const { marker, writes, synced } of judged) {
    expect(writes, marker).toBeGreaterThan(0)
    expect(synced, marker).toBe(true)
  }
})

it.runIf(hasStrace())(
  'with durability switched off the same look finds every one unsynced',
  async () => {
    const judged = await appends('not')
    expect(judged).toHaveLength(APPENDS)
    for (const { marker, writes, synced } of judged) {
      expect(writes, marker).toBeGreaterThan(0)
      expect(synced, marker).toBe(false)
    }
  },
)
