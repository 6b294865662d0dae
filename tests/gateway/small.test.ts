/** `npm run gateway`: another way to start the same program, not another program. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

it('becomes the program it starts: its process, its words, its end', async () => {
  const args = [join(root, 'bin', 'gateway.ts'), '--config', 'nothing-is-here.json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  expect(said).toMatch(/^gateway: .*nothing-is-here\.json/)
  expect(code).toBeGreaterThan(0)
})

it('is what npm runs', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(scripts.gateway).toBe('node bin/gateway.ts')
})
