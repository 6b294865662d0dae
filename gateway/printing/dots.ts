/** Lines of text as dots: glyphs put side by side, doubled for large print. Pure. */
import type { Dots } from '#devices/types/ticket-template.ts'

export const glyph_rows = 16

/** `columns` dots wide, 16 high; each row begins on a byte. */
export type Glyph = { columns: number; bytes: Uint8Array }

/** Sets one dot. */
export function bitAt(bytes: Uint8Array, width_bytes: number, row: number, column: number): void {
  bytes[row * width_bytes + (column >> 3)]! |= 0x80 >> (column & 7)
}

/** What does not fit into `most_columns` dots is left out, glyph by glyph. */
export function lineOfDots(glyphs: readonly Glyph[], times: number, most_columns: number): Dots {
  const fitting: Glyph[] = []
  let columns = 0
  for (const glyph of glyphs) {
    if ((columns + glyph.columns) * times > most_columns) break
    columns += glyph.columns
    fitting.push(glyph)
  }
  const width_bytes = Math.max(1, Math.ceil((columns * times) / 8))
  const rows = glyph_rows * times
  const bytes = new Uint8Array(width_bytes * rows)
  let left = 0
  for (const glyph of fitting) {
    stamp(glyph, (row, column) => {
      for (let dy = 0; dy < times; dy++) {
        for (let dx = 0; dx < times; dx++) {
          bitAt(bytes, width_bytes, row * times + dy, (left + column) * times + dx)
        }
      }
    })
    left += glyph.columns
  }
  return { width_bytes, rows, bytes }
}

function stamp(glyph: Glyph, dot: (row: number, column: number) => void): void {
  const width_bytes = Math.ceil(glyph.columns / 8)
  for (let row = 0; row < glyph_rows; row++) {
    for (let column = 0; column < glyph.columns; column++) {
      const byte = glyph.bytes[row * width_bytes + (column >> 3)]!
      if ((byte & (0x80 >> (column & 7))) !== 0) dot(row, column)
    }
  }
}
