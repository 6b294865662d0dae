/**
 * CSV as it comes from spreadsheets and databases: commas, fields in quotes where need be, CRLF or
 * LF, a byte-order mark in front, the last line ended or not. Pure; takes text in pieces of any size.
 *
 * Refuses nothing as a whole: a row that is not well-formed (a quote inside a bare field, text behind
 * a closing quote, a quote that is never closed, more than 16 Ki characters) comes out as `bad`.
 */

/** `line` counts from 1 and is where the row begins. */
export type Row = { line: number; fields: string[] } | { line: number; bad: string }

export interface CsvReader {
  /** Rows that ended within this piece. Empty lines are no rows. */
  push(piece: string): Row[]
  /** What stood behind the last line end. */
  end(): Row[]
}

const ROW_CHARS_MAX = 16 * 1024

type Where = 'start' | 'bare' | 'quoted' | 'closed' | 'skip'

export function csvReader(): CsvReader {
  let where: Where = 'start'
  let fields: string[] = []
  let field = ''
  let chars = 0
  let line = 1
  let began = 1
  let bad: string | null = null
  let first = true
  let rows: Row[] = []

  function fail(reason: string): void {
    bad ??= reason
    where = 'skip'
  }

  function endRow(): void {
    fields.push(field)
    const empty = fields.length === 1 && field === '' && where === 'start' && bad === null
    if (bad !== null) rows.push({ line: began, bad })
    else if (!empty) rows.push({ line: began, fields })
    fields = []
    field = ''
    chars = 0
    bad = null
    where = 'start'
  }

  function lineEnd(): void {
    line++
    if (where === 'quoted' && bad === null && chars < ROW_CHARS_MAX) {
      field += '\n'
      return
    }
    if (field.endsWith('\r') && where !== 'closed') field = field.slice(0, -1)
    if (where === 'bare' && field === '' && fields.length === 0) where = 'start'
    endRow()
    began = line
  }

  function take(c: string): void {
    if (++chars > ROW_CHARS_MAX) fail('too long')
    switch (where) {
      case 'start':
        if (c === '"') where = 'quoted'
        else bare(c)
        break
      case 'bare':
        if (c === '"') fail('quote inside a field')
        else bare(c)
        break
      case 'quoted':
        if (c === '"') where = 'closed'
        else field += c
        break
      case 'closed':
        closed(c)
        break
      case 'skip':
        break
    }
  }

  function bare(c: string): void {
    if (c === ',') nextField()
    else {
      where = 'bare'
      field += c
    }
  }

  function closed(c: string): void {
    if (c === ',') nextField()
    else if (c === '"') {
      field += '"'
      where = 'quoted'
    } else if (c !== '\r') fail('text behind a closing quote')
  }

  function nextField(): void {
    fields.push(field)
    field = ''
    where = 'start'
  }

  function drain(): Row[] {
    const ended = rows
    rows = []
    return ended
  }

  return {
    push(piece) {
      for (const c of piece) {
        if (first && c === '\ufeff') {
          first = false
          continue
        }
        first = false
        if (c === '\n') lineEnd()
        else take(c)
      }
      return drain()
    },
    end() {
      if (where === 'quoted') bad ??= 'a quote is never closed'
      if (field.endsWith('\r') && where === 'bare') field = field.slice(0, -1)
      const nothing = where === 'start' && fields.length === 0 && field === ''
      if (bad !== null || !nothing) {
        if (where === 'bare' && field === '' && fields.length === 0) where = 'start'
        endRow()
      }
      return drain()
    },
  }
}
