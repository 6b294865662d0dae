/** JSON from outside: bounds that must hold before anything is built from it. */

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Whether arrays and objects stand inside one another more than `most` deep. Text that is not JSON
 * gets an arbitrary answer; the parser refuses it afterwards.
 */
export function tooDeep(text: string, most: number): boolean {
  // Each level costs at least two characters, so short texts cannot be deep.
  if (text.length <= most * 2) return false
  if (!opensMoreThan(text, most)) return false
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) i = endOfString(text, i)
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > most) return true
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  return false
}

/** Whether it has more opening brackets than that, those within strings counted too. */
function opensMoreThan(text: string, most: number): boolean {
  let opens = 0
  for (const bracket of ['{', '['])
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (++opens > most) return true
  return false
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end > 0 && escaped(text, end)) end = text.indexOf('"', end + 1)
  return end < 0 ? text.length : end
}

function escaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

/** JSON with object keys in code-unit order and no spaces: the same value gives the same bytes. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
