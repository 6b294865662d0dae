/**
 * Tables that are JSON and safe for keys from outside: objects without a prototype, so that an
 * order called `__proto__` or a counter called `constructor` is a key like any other.
 */

export type Table<T> = { [key: string]: T }

export function emptyTable<T>(): Table<T> {
  return Object.create(null) as Table<T>
}

/** The same rows in a table without a prototype: for what came out of JSON. */
export function asTable<T>(rows: Table<T>): Table<T> {
  return Object.assign(emptyTable<T>(), rows)
}

/** The rows that pass, in a new table. */
export function keepRows<T>(table: Table<T>, keep: (row: T) => boolean): Table<T> {
  const kept = emptyTable<T>()
  for (const key of Object.keys(table)) {
    const row = table[key] as T
    if (keep(row)) kept[key] = row
  }
  return kept
}
