/**
 * The search in PostgreSQL: a canary is found in rows, in rows that were deleted, in values that the
 * server compressed, and in whole pages of its write-ahead log, which are packed there.
 */
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startPostgres } from '../cloud/pg-fixture.ts'
import { searchDeep, searchFiles, searchFor } from './canaries.ts'
import { canaryCards, canaryPatterns } from './canary-cards.ts'
import { pageImagesOf, rowsOf } from './postgres-bytes.ts'

const cards = canaryCards()
const search = searchFor(canaryPatterns(cards))
const { name, number, address } = cards[0]!.text as {
  name: string
  number: string
  address: string
}

test('in rows, free pages, the write-ahead log and what is compressed in either', async () => {
  await using postgres = await startPostgres()
  const url = await postgres.newDatabase()
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  const { pgdata } = postgres.cluster.place

  await client.query('create table seen (a text, b bytea)')
  await client.query('create table gone (a text)')
  await client.query('create table long (a text)')
  await client.query('create table page (a text)')
  await client.query('insert into page select repeat($1, 9) from generate_series(1, 60)', ['abc'])
  await client.query('checkpoint')
  expect((await searchFiles(pgdata, search)).found).toEqual([])

  // A row; one that was deleted and whose page was written since.
  await client.query('insert into seen values ($1, $2)', [name, Buffer.from(number, 'utf16le')])
  await client.query('insert into gone values ($1)', [name])
  await client.query('delete from gone')
  await client.query('checkpoint')
  const { found } = await searchFiles(join(pgdata, 'base'), search)
  expect(found.filter((one) => one.endsWith(`utf8 of ${name}`))).toHaveLength(2)
  expect(found.some((one) => one.endsWith(`utf16le of ${number}`))).toBe(true)
  const logged = (await searchFiles(join(pgdata, 'pg_wal'), search)).found
  expect(logged.some((one) => one.endsWith(`utf8 of ${name}`))).toBe(true)

  // Long and alike: packed within its row, and found only through the server.
  await client.query('insert into long values ($1)', [`${'ab'.repeat(3000)}${address}`])
  await client.query('checkpoint')
  const raw = (await searchFiles(join(pgdata, 'base'), search)).found
  expect(raw.filter((one) => one.endsWith(address))).toEqual([])
  const { tables, values } = await rowsOf(url)
  expect(tables).toBe(4)
  const inRows = new Set(values.flatMap(search))
  for (const [dress, field] of [
    ['utf8', name],
    ['utf16le', number],
    ['utf8', address],
  ]) {
    expect(inRows).toContain(`${dress} of ${field}`)
  }

  // The first change of a page after a checkpoint logs the whole page, packed.
  const marked = `${'x'.repeat(30)}${name}`
  await client.query('update page set a = $1 where ctid = $2', [marked, '(0,1)'])
  await client.query('checkpoint')
  await client.query('update page set a = $1 where ctid = $2', ['nobody', '(0,2)'])
  const { images, packed } = await pageImagesOf(pgdata)
  expect(packed).toBeGreaterThan(0)
  expect(images.flatMap((image) => searchDeep(search, image))).toContain(`utf8 of ${name}`)
  await client.end()
})
