/**
 * A controller's intake on the database it is given: books batches and says each receipt in the
 * moment it is published. With a third and fourth argument it first switches durability off behind
 * the store's back, as an operator might.
 */
import { appendFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { projections } from '../../cloud/projections.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import { chainOf, goodEpoch, intake } from '../cloud/intake-fixture.ts'

const [url, batches, settings, postmaster] = process.argv.slice(2)
const store = new PgStore({ projections, url: url!, witness_path: null })
await store.ready()
if (settings !== undefined) {
  appendFileSync(settings, "\nfsync = 'off'\n")
  process.kill(Number(postmaster), 'SIGHUP')
  const fsync = async () => (await store.session((s) => s.query('show fsync')))[0]?.[0]
  while ((await fsync()) !== 'off') await sleep(50)
  // Told to every process of the server at once; each looks before its next statement.
  await sleep(1_000)
}
const onReceipt = ({ seq }: { seq: number }) => void writeSync(1, `receipt ${seq}\n`)
const here = intake(store, { onReceipt })
const chain = chainOf(goodEpoch(1, Number(batches)))
await here.book('h1', chain, 1, 2)
for (let n = 1; n <= Number(batches); n++) await here.book('h1', chain, 1 + 2 * n, 2 + 2 * n)
await store[Symbol.asyncDispose]()
writeSync(1, 'end\n')
