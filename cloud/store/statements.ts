/** SQL of one projection table, made once from its spec: put many rows, read many keys. */
import type { Row, TableSpec, Value } from '../ports.ts'
import { arrayLiteral } from './arrays.ts'
import type { SqlRow } from './database.ts'
import { name } from './schema.ts'

export type PlacedRow = { hall: string; build: number; row: Row }
export type PlacedKey = { hall: string; build: number; key: readonly Value[] }

export type TableSql = {
  table: string
  projection: string
  key: readonly string[]
  columns: readonly string[]
  put: string
  /** For rows in COPY's text format: hall, build, then the columns. */
  copy: string
  read: string
  putValues(rows: readonly PlacedRow[]): string[]
  readValues(keys: readonly PlacedKey[]): string[]
  /** The hall a selected row belongs to, and the row. */
  rowOf(selected: SqlRow): { hall: string; row: Row }
}

/** What travels as text: jsonb both ways, and arrays, since `unnest` takes arrays apart. */
const asText = (type: string) => type === 'jsonb' || type.endsWith('[]')
const sent = (type: string) => (asText(type) ? 'text' : type)

export function tableSql(projection: string, spec: TableSpec): TableSql {
  const columns = Object.keys(spec.columns)
  return {
    table: spec.table,
    projection,
    key: spec.key,
    columns,
    copy: copySql(spec),
    put: putSql(spec),
    read: readSql(spec),
    putValues: (rows) => [
      arrayLiteral(rows.map((placed) => placed.hall)),
      arrayLiteral(rows.map((placed) => placed.build)),
      ...columns.map((column) => arrayLiteral(rows.map(({ row }) => row[column]))),
    ],
    readValues: (keys) => [
      arrayLiteral(keys.map((placed) => placed.hall)),
      arrayLiteral(keys.map((placed) => placed.build)),
      ...spec.key.map((_, i) => arrayLiteral(keys.map(({ key }) => key[i]))),
    ],
    rowOf: (selected) => {
      const row: Record<string, Value> = {}
      for (let i = 0; i < columns.length; i++) row[columns[i]!] = selected[i + 1] as Value
      return { hall: selected[0] as string, row }
    },
  }
}

function putSql(spec: TableSpec): string {
  const columns = Object.entries(spec.columns)
  const names = ['hall', 'build', ...columns.map(([column]) => column)].map(name)
  const types = ['text', 'int4', ...columns.map(([, type]) => sent(type))]
  const selected = columns.map(([column, type]) =>
    asText(type) ? `u.${name(column)}::${type}` : `u.${name(column)}`,
  )
  return `
insert into ${name(spec.table)} (${names.join(', ')})
select u.hall, u.build, ${selected.join(', ')}
from unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) as u(${names.join(', ')})
${spec.append_only === true ? '' : replacing(spec)}`
}

function copySql(spec: TableSpec): string {
  const names = ['hall', 'build', ...Object.keys(spec.columns)].map(name)
  return `copy ${name(spec.table)} (${names.join(', ')}) from stdin`
}

function replacing(spec: TableSpec): string {
  const key = new Set(spec.key)
  const changed = Object.keys(spec.columns).filter((column) => !key.has(column))
  return `on conflict (hall, build, ${spec.key.map(name).join(', ')}) do update
set ${changed.map((column) => `${name(column)} = excluded.${name(column)}`).join(', ')}`
}

function readSql(spec: TableSpec): string {
  const selected = Object.entries(spec.columns).map(([column, type]) =>
    type === 'jsonb' ? `t.${name(column)}::text` : `t.${name(column)}`,
  )
  const types = ['text', 'int4', ...spec.key.map((column) => spec.columns[column]!)]
  const keys = spec.key.map(name)
  return `
select t.hall, ${selected.join(', ')}
from unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')})
  as k(hall, build, ${keys.join(', ')})
join ${name(spec.table)} t on t.hall = k.hall and t.build = k.build
  and ${keys.map((column) => `t.${column} = k.${column}`).join(' and ')}`
}
