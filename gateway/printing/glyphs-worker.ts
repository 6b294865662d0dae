/**
 * Draws texts in GNU Unifont (OFL 1.1), 16 dots high, half or whole width. Runs in a thread of its own
 * that ends when it was idle: the font takes some 80 MB while it is read, and few printers need it.
 * The only file that knows fontkit.
 */
import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'
import { type Font, openSync } from 'fontkit'
import { bitAt, type Glyph, glyph_rows } from './dots.ts'

const font_file = '@fontsource/unifont/files/unifont-latin-400-normal.woff'
const idle_ms = 10_000

const port = parentPort
if (port === null) throw new Error('runs as a worker only')

const font = openSync(createRequire(import.meta.url).resolve(font_file)) as Font
/** Dots are squares of 64 units; the lowest row of dots begins two dots below the base line. */
const unit = font.unitsPerEm / glyph_rows
const descent = -font.descent / unit

const end = () => process.exit()
let idle = setTimeout(end, idle_ms)

port.on('message', (characters: string[]) => {
  clearTimeout(idle)
  port.postMessage(characters.map((character) => draw(character)))
  idle = setTimeout(end, idle_ms)
})

/** Null: the font has no such character. */
function draw(character: string): Glyph | null {
  const glyph = font.glyphForCodePoint(character.codePointAt(0) ?? 0)
  if (glyph.id === 0) return null
  const columns = Math.round(glyph.advanceWidth / unit)
  const rings = ringsOf(glyph.path.commands)
  const bytes = new Uint8Array(glyph_rows * Math.ceil(columns / 8))
  for (let row = 0; row < glyph_rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = (column + 0.5) * unit
      const y = (glyph_rows - descent - row - 0.5) * unit
      if (isInside(rings, x, y)) bitAt(bytes, Math.ceil(columns / 8), row, column)
    }
  }
  return { columns, bytes }
}

type Point = readonly [x: number, y: number]

/** The outlines are squares joined along their sides: control points lie on corners. */
function ringsOf(commands: readonly { command: string; args: number[] }[]): Point[][] {
  const rings: Point[][] = []
  for (const { command, args } of commands) {
    if (command === 'moveTo') rings.push([])
    for (let i = 0; i + 1 < args.length; i += 2) rings.at(-1)?.push([args[i]!, args[i + 1]!])
  }
  return rings
}

/** By winding number, as TrueType fills. */
function isInside(rings: readonly Point[][], x: number, y: number): boolean {
  let winding = 0
  for (const ring of rings) {
    ring.forEach(([ax, ay], i) => {
      const [bx, by] = ring[(i + 1) % ring.length]!
      if (ay > y === by > y) return
      if (ax + ((y - ay) / (by - ay)) * (bx - ax) > x) winding += by > ay ? 1 : -1
    })
  }
  return winding !== 0
}
