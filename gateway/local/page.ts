/** The installer's page and its parts, read once at start. The page itself holds no data. */
import { readFileSync } from 'node:fs'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { LocalEnv } from './guard.ts'

const read = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8')

/** `insecure` is said on the page before anybody types a token into it. */
export function addPage(api: OpenAPIHono<LocalEnv>, { insecure }: { insecure: boolean }): void {
  const html = read('index.html').replace(
    'data-insecure="no"',
    `data-insecure="${insecure ? 'yes' : 'no'}"`,
  )
  const style = read('page.css')
  api.get('/', (c) => c.html(html))
  for (const name of ['page.js', 'words.js']) {
    const script = read(name)
    const type = 'text/javascript; charset=utf-8'
    api.get(`/${name}`, (c) => c.body(script, 200, { 'content-type': type }))
  }
  api.get('/page.css', (c) => c.body(style, 200, { 'content-type': 'text/css; charset=utf-8' }))
}
