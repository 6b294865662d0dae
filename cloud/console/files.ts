/** The live page's files, read once at start: they are the whole page, nothing comes from outside. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { floorWordsScript } from '#devices/types/floor-words.ts'

export type PagePart = { text: string; type: string; etag: string }

const PARTS = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/console/style.css': { file: 'style.css', type: 'text/css; charset=utf-8' },
  '/console/hall.css': { file: 'hall.css', type: 'text/css; charset=utf-8' },
  '/console/app.js': { file: 'app.js', type: 'text/javascript; charset=utf-8' },
  '/console/dom.js': { file: 'dom.js', type: 'text/javascript; charset=utf-8' },
  '/console/floor.js': { file: 'floor.js', type: 'text/javascript; charset=utf-8' },
  '/console/frame.js': { file: 'frame.js', type: 'text/javascript; charset=utf-8' },
  '/console/views.js': { file: 'views.js', type: 'text/javascript; charset=utf-8' },
  '/console/words.js': { file: 'words.js', type: 'text/javascript; charset=utf-8' },
} as const

/** Every part of the page by its path. */
export async function loadPage(): Promise<ReadonlyMap<string, PagePart>> {
  const parts = Object.entries(PARTS).map(async ([path, { file, type }]) => {
    const text = await readFile(new URL(file, import.meta.url), 'utf8')
    return [path, { text, type, etag: etagOf(text) }] as const
  })
  return new Map([...(await Promise.all(parts)), ['/console/floor-words.js', floorWords()]])
}

/** Made from the registry of device types, so that a new one is named like the others. */
function floorWords(): PagePart {
  const text = floorWordsScript()
  return { text, type: PARTS['/console/words.js'].type, etag: etagOf(text) }
}

const etagOf = (text: string) => `"${createHash('sha256').update(text).digest('hex').slice(0, 24)}"`
