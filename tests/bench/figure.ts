/** One measured figure, and how all of them are printed. */

export type Figure = {
  name: string
  value: number
  unit: string
  /** What it is compared with, measured in the same run; null where there is nothing. */
  against: number | null
  ratio: number | null
  /** What the ratio (or, without one, the value) should come to; never a verdict. */
  bar: number | null
}

export type FigureText = Omit<Figure, 'against' | 'ratio' | 'bar'> &
  Partial<Pick<Figure, 'against' | 'bar'>>

export function figure({ against = null, bar = null, ...rest }: FigureText): Figure {
  const ratio = against === null || against === 0 ? null : round(rest.value / against)
  return {
    ...{ name: rest.name, value: round(rest.value), unit: rest.unit },
    ...{ against: against === null ? null : round(against), ratio, bar },
  }
}

/** Four digits that mean something. */
function round(value: number): number {
  return Number(value.toPrecision(4))
}

export function table(figures: readonly Figure[]): string {
  const head = ['figure', 'value', 'unit', 'against', 'ratio', 'bar']
  const rows = figures.map(({ name, value, unit, against, ratio, bar }) =>
    [name, value, unit, against, ratio, bar].map((cell) => (cell === null ? '' : String(cell))),
  )
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((r) => r[i]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 || i === 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

/** Middle value; of an even number the lower of the two. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export type Progress = (text: string) => void
