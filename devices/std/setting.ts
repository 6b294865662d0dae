/**
 * `name=value` settings of the command-line programs: what each means, and which values fit. Pure;
 * what does not fit is told by `unfit`, in the setting's own words, before anything begins.
 */
export type Setting = { zh: string; en: string; fits?: (value: string) => boolean }

export type Settings = Readonly<Record<string, Setting>>

/** Whole decimal numbers from `least` to `most`, as digits. */
export function whole(least: number, most: number) {
  return (value: string) => /^\d{1,9}$/.test(value) && +value >= least && +value <= most
}

export function oneOf(...values: readonly string[]) {
  return (value: string) => values.includes(value)
}

/** Null where the value may stand; otherwise what is wrong with it. `name` is one of `settings`. */
export function unfit(settings: Settings, name: string, value: string): string | null {
  const { fits, en } = settings[name]!
  return fits === undefined || fits(value) ? null : `may not be ${value}: ${en}`
}
