/** A page of the documentation as something to be done: its fenced blocks, in their order. */

export type Block = {
  /** First word behind the fence: `sh`, `text`, `ts`. */
  language: string
  /** The rest of that line, which no reader sees. */
  mark: string
  /** A file name in backticks on the line above. */
  file: string | null
  body: string
}

export function blocksOf(page: string): Block[] {
  return [
    ...page.matchAll(/(?:^|\n)([^\n]*)\n*\n```(\w+)[ ]?([^\n]*)\n([\s\S]*?)\n```(?=\n|$)/g),
  ].map(([, before = '', language = '', mark = '', body = '']) => ({
    ...{ language, mark, body },
    file: /`([^`]+\.(?:ts|json))`:?$/.exec(before.trim())?.[1] ?? null,
  }))
}

/** Whether a text has the pieces of an expected one in their order; `…` stands for anything. */
export function says(text: string, expected: string): boolean {
  let at = 0
  for (const piece of expected.split('…').map((one) => one.trim())) {
    const found = text.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return true
}
