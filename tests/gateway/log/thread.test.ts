/** The log's thread is small: what is loaded there is loaded a second time. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const listing = `
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
  await import(process.argv[1])
  console.log(JSON.stringify(loaded))
`

it('loads no package', () => {
  const worker = join(import.meta.dirname, '../../../gateway/log/worker.ts')
  const args = ['--input-type=module', '--eval', listing, worker]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  const loaded = JSON.parse(stdout) as string[]
  expect(loaded.some((url) => url.endsWith('/hall-log.ts'))).toBe(true)
  expect(loaded.filter((url) => url.includes('/node_modules/'))).toEqual([])
})
