/** The search itself: a canary put into each kind of place is found there, in each of its dresses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gzipSync } from 'node:zlib'
import iconv from 'iconv-lite'
import { expect, test } from 'vitest'
import { encodeCardText } from '#devices/wire/id-card-text.ts'
import { dressesOf, searchDeep, searchFiles, searchFor } from './canaries.ts'
import { canaryCards, canaryPatterns } from './canary-cards.ts'

const cards = canaryCards()
const search = searchFor(canaryPatterns(cards))

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'hallway-canary-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('every field of every card is a text of its own', () => {
  const fields = cards.flatMap(({ text: { kind, ...fields } }) => Object.values(fields))
  expect(fields).toHaveLength(43)
  expect(new Set(fields).size).toBe(fields.length)
  const rare = fields.join('').replaceAll(/[ -~]/g, '')
  expect(new Set(rare).size).toBe(rare.length)
})

test('every dress of every field is found, and names it', () => {
  for (const { text } of cards) {
    const { kind, birth, ...fields } = text
    for (const field of Object.values(fields)) {
      for (const { dress, bytes } of dressesOf(field)) {
        const around = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')])
        expect(search(around)).toContain(`${dress} of ${field}`)
      }
    }
  }
})

test('encodings made by others than the search are found', () => {
  for (const { text } of cards) {
    const { name, number } = text
    const said = [
      ...(['utf8', 'utf16le', 'utf16be', 'gb18030'] as const).flatMap((code) =>
        [0, 1, 2].flatMap((offset) => {
          const bytes = Buffer.concat([Buffer.alloc(offset, 0x2d), iconv.encode(name, code)])
          const ways = ['base64', 'base64url', 'hex'] as const
          return ways.map((way) => `{"said":"${bytes.toString(way)}"}`)
        }),
      ),
      JSON.stringify({ name }),
      JSON.stringify({ deep: JSON.stringify({ number }) }),
      `?name=${encodeURIComponent(name)}`,
    ]
    for (const one of said) expect([one, search(Buffer.from(one))]).not.toEqual([one, []])
    const block = Buffer.from(encodeCardText(text))
    for (const field of [name, number]) {
      expect(search(block)).toContain(`utf16le of ${field}`)
      expect(search(Buffer.from(block.toString('hex')))).toContain(`hex of utf16le of ${field}`)
    }
  }
})

test('nothing is found where nothing is', () => {
  expect(search(Buffer.alloc(1 << 20))).toEqual([])
  expect(search(Buffer.from('{"card":"[card]","reading":7,"sex":"1"}'.repeat(1000)))).toEqual([])
})

test('in a file, in gzip inside a file, and in gzip inside gzip', async () => {
  await using at = await folder()
  const said = Buffer.from(JSON.stringify(cards[0]!.text))
  const places = {
    plain: said,
    packed: Buffer.concat([Buffer.alloc(777, 7), gzipSync(said), Buffer.alloc(99)]),
    twice: gzipSync(gzipSync(said)),
    halved: gzipSync(Buffer.concat([said, Buffer.alloc(9999, 1)])).subarray(0, -12),
    nothing: gzipSync(Buffer.from('nobody')),
  }
  for (const [name, bytes] of Object.entries(places)) await writeFile(join(at.path, name), bytes)
  const { found } = await searchFiles(at.path, search)
  const where = new Set(found.map((one) => one.slice(at.path.length + 1).split(':')[0]))
  expect([...where].sort()).toEqual(['halved', 'packed', 'plain', 'twice'])
  expect(searchDeep(search, places.twice)).toContain(`utf8 of ${cards[0]!.text.name}`)
})

test('in SQLite: its write-ahead file before a checkpoint, its free pages after a delete', async () => {
  await using at = await folder()
  const path = join(at.path, 'log.db')
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode=wal; pragma secure_delete=off; create table t (a text, b blob)')
  db.exec('pragma wal_checkpoint(truncate)')
  const insert = db.prepare('insert into t values (?, ?)')
  const { name, number } = cards[1]!.text
  insert.run(name, Buffer.alloc(20_000, 1))
  const first = (await searchFiles(at.path, search)).found
  expect(first).toContain(`${path}-wal: utf8 of ${name}`)
  expect(first.filter((one) => one.startsWith(`${path}:`))).toEqual([])
  insert.run('nobody', Buffer.from(number))
  db.exec('delete from t; pragma wal_checkpoint(truncate)')
  expect(db.prepare('select count(*) as n from t').get()).toEqual({ n: 0 })
  const { found } = await searchFiles(at.path, search)
  expect(found).toContain(`${path}: utf8 of ${name}`)
  expect(found).toContain(`${path}: utf8 of ${number}`)
  db.close()
})
