/** The installer's page and its parts, read once at start. The page itself holds no data. */
import { readFileSync } from 'node:fs'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { floorWordsScript } from '#devices/types/floor-words.ts'
import type { LocalEnv } from './guard.ts'

const read = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8')

/** The empty page and its parts. */
export const PAGE_PATHS = ['/', '/page.js', '/words.js', '/floor-words.js', '/page.css'] as const

/** `insecure` is said on the page before anybody types a token into it. */
export function addPage(api: OpenAPIHono<LocalEnv>, { insecure }: { insecure: boolean }): void {
  const html = read('index.html').replace(
    'data-insecure="no"',
    `data-insecure="${insecure ? 'yes' : 'no'}"`,
  )
  const style = read('page.css')
  api.get('/', (c) => c.html(html))
  const scripts = {
    'page.js': read('page.js'),
    'words.js': read('words.js'),
    'floor-words.js': floorWordsScript(),
  }
  for (const [name, script] of Object.entries(scripts)) {
    const type = 'text/javascript; charset=utf-8'
    api.get(`/${name}`, (c) => c.body(script, 200, { 'content-type': type }))
  }
  api.get('/page.css', (c) => c.body(style, 200, { 'content-type': 'text/css; charset=utf-8' }))
}
