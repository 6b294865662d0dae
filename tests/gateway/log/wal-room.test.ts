/** The write-ahead file has its room before it is needed, and room is never taken for loss. */
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { WAL_ROOM_BYTES } from '../../../gateway/log/wal-room.ts'
import { closeLog, entries, kiosks, logFile, newFolder, openLog } from './folder.ts'

const walOf = (folder: string) => `${logFile(folder)}-wal`

it('commits go into room that is there: the file does not grow with them', () => {
  const folder = newFolder(tmpdir())
  const { log } = openLog(folder)
  expect(statSync(walOf(folder)).size).toBe(WAL_ROOM_BYTES)
  for (let n = 1; n <= 300; n++) log.append(entries(n, n))
  expect(statSync(walOf(folder)).size).toBe(WAL_ROOM_BYTES)
  closeLog(log)
})

/** As a kill leaves it. */
function killed(prepare: (wal: Buffer) => Buffer, upto = 0) {
  const from = newFolder()
  const opened = openLog(from)
  if (upto > 0) opened.log.append(entries(1, upto))
  const folder = newFolder()
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(from, 'marks.json'), join(folder, 'marks.json'))
  copyFileSync(logFile(from), logFile(folder))
  writeFileSync(walOf(folder), prepare(readFileSync(walOf(from))))
  closeLog(opened.log)
  return openLog(folder)
}

it('killed behind its last commit: whole, as the zeros behind it are none', () => {
  const { log, found } = killed((wal) => wal, 3)
  expect(found).toBe('whole')
  expect(kiosks(log)).toEqual(['k1', 'k2', 'k3'])
  closeLog(log)
})

it('killed before its first commit since it was opened: all zeros, and whole', () => {
  const folder = newFolder()
  closeLog(openLog(folder).log)
  writeFileSync(walOf(folder), new Uint8Array(WAL_ROOM_BYTES))
  const { log, found } = openLog(folder)
  expect(found).toBe('whole')
  closeLog(log)
})

it('a beginning of zeros before commits is damage', () => {
  const { log, found } = killed((wal) => wal.fill(0, 0, 32), 3)
  expect(found).toBe('damaged')
  closeLog(log)
})
