/**
 * The printed ticket as ESC/POS bytes: from what it says to lines, from lines to commands. There is no
 * field for a name or a card number, so neither can be printed. Text is encoded by the caller
 * (GB18030), or drawn by it as dots where the printer's own font has no such character.
 * Refuses nothing: texts are cut to what a slip holds; control characters become blanks.
 */
import type { PaperField, PaperLine } from '../contract/ticket-paper.ts'
import { asciiBytes, concat } from '../std/bytes.ts'
import { type Align, encodeCommand, encodeQrSymbol, most_qr_bytes } from '../wire/escpos.ts'

export type EncodeText = (text: string) => Uint8Array
/** Black dots of a line of text, row by row, eight to a byte, the leftmost in the highest bit. */
export type Dots = { width_bytes: number; rows: number; bytes: Uint8Array }
/** Null: print it as text. */
export type DrawText = (text: string, large: boolean) => Dots | null

export type Bilingual = { zh: string; en: string }

/** What a ticket says. `number` is for people; the ticket's id travels in `qr`. */
export type PrintJob = {
  hall: Bilingual
  service: Bilingual
  number: string
  people_ahead: number
  /** Minutes until it is called, about; null where nothing can be said yet. */
  wait_min: { least: number; most: number } | null
  /** Counters that call for the service now. */
  counters: readonly string[]
  /** Date and time as the hall writes them. */
  time: string
  /** The hall's own words below; null prints the usual ones. */
  rules: Bilingual | null
  /** The hall's own paper; null prints the usual one. */
  lines: readonly PaperLine[] | null
  /** The same press again: marked 补打. */
  reprint: boolean
  /** ASCII, at most 512 characters; empty prints no code. */
  qr: string
}

const most_line_chars = 48
const most_counters_named = 8
const qr_dots = 6

const usualRules: Bilingual = {
  zh: '过号请重新取号',
  en: 'If your number has passed, take a new ticket',
}

const centred = (text: string, size: 'normal' | 'large' = 'normal'): PaperLine => ({
  text,
  align: 'centre',
  size,
})

/** The usual ticket. */
export const usualPaper: readonly PaperLine[] = [
  centred('{hall.zh}'),
  centred('{hall.en}'),
  { print: 'reprint_mark' },
  centred('{number}', 'large'),
  centred('{service.zh}'),
  centred('{service.en}'),
  centred('您前面还有 {ahead} 人'),
  centred('People ahead of you: {ahead}'),
  centred('预计等候 {wait} 分钟'),
  centred('Expected wait: {wait} min'),
  centred('办理窗口 Counters: {counters}'),
  centred('{time}'),
  { print: 'qr' },
  centred('{rules.zh}'),
  centred('{rules.en}'),
]

type Laid = { text: string; align: Align; large: boolean } | { qr: string }

/** The lines of a ticket with everything filled in. */
export function layTicket(job: PrintJob): Laid[] {
  const lines = job.lines ?? usualPaper
  return lines.flatMap((line) => ('print' in line ? marks(line.print, job) : filled(line, job)))
}

function marks(mark: 'qr' | 'dashes' | 'blank' | 'reprint_mark', job: PrintJob): Laid[] {
  const centre = (text: string): Laid[] => [{ text, align: 'centre', large: false }]
  switch (mark) {
    case 'qr': {
      const qr = job.qr.replaceAll(/[^ -~]/g, '').slice(0, most_qr_bytes)
      return qr === '' ? [] : [{ qr }]
    }
    case 'dashes':
      return centre('-'.repeat(24))
    case 'blank':
      return centre('')
    case 'reprint_mark':
      return job.reprint ? centre('*** 补打 REPRINT ***') : []
  }
}

function filled(line: Extract<PaperLine, { text: string }>, job: PrintJob): Laid[] {
  let empty = false
  const text = line.text.replaceAll(/\{([^}]*)\}/g, (_, name: string) => {
    const value = fieldOf(name as PaperField, job)
    if (value === '') empty = true
    return value
  })
  return empty ? [] : [{ text: clean(text), align: line.align, large: line.size === 'large' }]
}

function fieldOf(field: PaperField, job: PrintJob): string {
  const rules = job.rules ?? usualRules
  switch (field) {
    case 'hall.zh':
      return job.hall.zh
    case 'hall.en':
      return job.hall.en
    case 'service.zh':
      return job.service.zh
    case 'service.en':
      return job.service.en
    case 'number':
      return job.number
    case 'ahead':
      return String(job.people_ahead)
    case 'wait':
      return job.wait_min === null ? '' : `${job.wait_min.least}-${job.wait_min.most}`
    case 'counters':
      return job.counters.slice(0, most_counters_named).join(', ')
    case 'time':
      return job.time
    case 'rules.zh':
      return rules.zh
    case 'rules.en':
      return rules.en
    default:
      return ''
  }
}

/** `draw` is asked for every line of text; without it all is printed as text. */
export function renderTicket(
  job: PrintJob,
  encodeText: EncodeText,
  draw: DrawText = () => null,
): Uint8Array {
  const lines = layTicket(job)
  // The mark of a repeat is never left to the hall's own paper.
  if (job.reprint && !lines.some((line) => 'text' in line && line.text.includes('补打'))) {
    lines.unshift(...marks('reprint_mark', job))
  }
  return concat(
    encodeCommand({ command: 'initialise' }),
    encodeCommand({ command: 'chinese', on: true }),
    ...lines.map((line) => renderLine(line, encodeText, draw)),
    encodeCommand({ command: 'cut', kind: 'partial', feed: 0 }),
  )
}

function renderLine(line: Laid, encodeText: EncodeText, draw: DrawText): Uint8Array {
  if ('qr' in line) {
    const symbol = encodeQrSymbol(asciiBytes(line.qr), qr_dots, 'M')
    return concat(encodeCommand({ command: 'align', align: 'centre' }), symbol)
  }
  const align = encodeCommand({ command: 'align', align: line.align })
  const dots = draw(line.text, line.large)
  if (dots !== null) return concat(align, encodeCommand({ command: 'raster', ...dots }))
  const text = concat(encodeText(line.text), [0x0a])
  return line.large ? concat(align, large(true), text, large(false)) : concat(align, text)
}

function large(on: boolean): Uint8Array {
  return concat(
    encodeCommand({ command: 'size', large: on }),
    encodeCommand({ command: 'chinese_size', large: on }),
  )
}

/** One line of a slip: no control character may reach the printer as a command. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, most_line_chars)
}
