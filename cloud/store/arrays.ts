/**
 * Columns as PostgreSQL array literals, for `unnest`. One text a column is far cheaper to send and
 * to read than one parameter a value.
 */
import { assert } from '#devices/std/assert.ts'
import type { Value } from '../ports.ts'

const special = /["\\]/g
const hasSpecial = /["\\]/

/**
 * `{1,NULL,"a\"b"}`. Numbers must be finite; texts may hold anything. An array among the values is
 * the text of its literal, as `unnest` would take arrays in arrays for one.
 */
export function arrayLiteral(values: readonly (Value | undefined)[]): string {
  let text = '{'
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ','
    text += element(values[i])
  }
  return `${text}}`
}

function element(value: Value | undefined): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string') {
    return hasSpecial.test(value) ? `"${value.replace(special, '\\$&')}"` : `"${value}"`
  }
  if (typeof value === 'number') assert(Number.isFinite(value), 'a stored number is finite')
  return typeof value === 'object' ? element(arrayLiteral(value)) : String(value)
}
