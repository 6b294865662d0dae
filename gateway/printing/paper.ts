/**
 * A ticket as the bytes for one printer. As text where the printer's font has the characters, as dots
 * where it has not: `gb18030` sends all as text, `gbk` draws lines with characters beyond the two-byte
 * part of the code, `raster` draws every line that is not plain ASCII.
 */
import { Fault } from '#devices/std/fault.ts'
import type { PrinterOptions } from '#devices/types/ticket-printer.ts'
import {
  type Dots,
  layTicket,
  type PrintJob,
  renderTicket,
} from '#devices/types/ticket-template.ts'
import { encodeGb18030 } from '../drivers/gb18030.ts'
import { type Glyph, lineOfDots } from './dots.ts'
import type { Glyphs } from './glyphs.ts'

export type TextMode = PrinterOptions['text']

/** 384 dots: the width of a 58 mm slip, which every slip printer has. */
const most_columns = 384

/** A font that cannot be read costs the look of some lines, never the ticket. */
export async function paperBytes(
  job: PrintJob,
  mode: TextMode,
  glyphs: Glyphs,
): Promise<Uint8Array> {
  const drawn = new Map<string, Dots>()
  try {
    for (const line of layTicket(job)) {
      if (!('text' in line) || !isDrawn(line.text, mode)) continue
      drawn.set(keyOf(line.text, line.large), fitted(await glyphs.of(line.text), line.large))
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
  }
  return renderTicket(job, encodeGb18030, (text, large) => drawn.get(keyOf(text, large)) ?? null)
}

/** As large as fits, down to the 16 dots of the font itself. */
function fitted(glyphs: readonly Glyph[], large: boolean): Dots {
  const columns = glyphs.reduce((sum, glyph) => sum + glyph.columns, 0)
  const times = [3, 2].find((times) => (large || times < 3) && columns * times <= most_columns)
  return lineOfDots(glyphs, times ?? 1, most_columns)
}

function keyOf(text: string, large: boolean): string {
  return `${large ? 'l' : 'n'}${text}`
}

function isDrawn(text: string, mode: TextMode): boolean {
  return [...text].some((character) => {
    if (character <= '\u007f') return false
    return mode === 'raster' || (mode === 'gbk' && encodeGb18030(character).length !== 2)
  })
}
