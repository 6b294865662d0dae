/**
 * The controller's tables as SQL text: numbered migrations for the log, and the projections' tables
 * made from their {@link TableSpec}. Pure; {@link ./migrate.ts} runs it.
 *
 * | table       | key                              | is |
 * | ----------- | -------------------------------- | --- |
 * | ledger_id   | (one row)                        | the database's own id, new after a restore |
 * | hall_cursor | hall                             | how far a hall's log is held, and who owns the hall |
 * | epoch       | hall, epoch                      | every epoch with its parent and last record |
 * | segment     | hall, place                      | the log itself, a page of records a row |
 * | origin      | hall, epoch, seq, hash           | first places of facts that were appended again |
 * | rejection   | hall, projection, build, place   | records a projection could not use |
 * | projection  | hall, projection                 | version and active build, complete up to a place |
 *
 * Columns are named as in ports.ts; a position is three columns (`parent_epoch`, `parent_seq`,
 * `parent_hash`). Tables of other parts refer to a hall by its id, never the other way round.
 *
 * Readers use the views `live_{table}` (and `live_rejection`): rows of the active build, with the
 * column `build` left out. A table named in a query of its own would show half-made builds too.
 */
import { assert } from '#devices/std/assert.ts'
import type { TableSpec } from '../ports.ts'

export type Migration = { version: number; sql: string }

/** What a hall without a row in `projection` has: its first build. */
export const FIRST_BUILD = 1
/** The build of rejections that belong to no projection, as of records nobody can read. */
export const NO_BUILD = 0

const log = `
create table ledger_id (
  one bool primary key default true check (one),
  id text not null,
  -- Grows with every look of a witness: a restored database is behind it.
  mark int8 not null
);
create table hall_cursor (
  hall text primary key,
  records int8 not null default 0,
  epoch text,
  seq int8,
  hash text,
  owner text,
  fence int8 not null default 0
) with (fillfactor = 50);
create table epoch (
  hall text not null,
  epoch text not null,
  number int8 not null,
  parent_epoch text,
  parent_seq int8,
  parent_hash text,
  reason text not null,
  gateway text not null,
  continues bool not null,
  seq int8 not null,
  hash text not null,
  branch bool not null,
  primary key (hall, epoch)
) with (fillfactor = 50);
create table segment (
  hall text not null,
  place int8 not null,
  epoch text not null,
  first int8 not null,
  last int8 not null,
  prev text not null,
  hash text not null,
  bytes bytea not null,
  -- CRC-32 of each record's text, four bytes each: not a proof, but what points at a place.
  crcs bytea not null,
  primary key (hall, place)
);
create unique index segment_by_epoch on segment (hall, epoch, first);
-- Compressing costs more of the processor than it saves of the disk.
alter table segment alter column bytes set storage external;
alter table segment alter column crcs set storage external;
create table origin (
  hall text not null,
  epoch text not null,
  seq int8 not null,
  hash text not null,
  place int8 not null,
  primary key (hall, epoch, seq, hash)
);
create table rejection (
  hall text not null,
  projection text not null,
  build int4 not null,
  place int8 not null,
  version int4 not null,
  epoch text not null,
  seq int8 not null,
  code text not null,
  primary key (hall, projection, build, place)
);
create table projection (
  hall text not null,
  projection text not null,
  version int4 not null,
  build int4 not null,
  upto int8 not null,
  primary key (hall, projection)
) with (fillfactor = 50);
create view live_rejection as
  select r.hall, r.projection, r.place, r.version, r.epoch, r.seq, r.code
  from rejection r
  left join projection p on p.hall = r.hall and p.projection = r.projection
  where r.build = coalesce(p.build, ${NO_BUILD});
`

/** Postings are part of their entries since, and a segment that fits into a page stays in its row. */
const inPlace = `
drop view if exists live_posting;
drop table if exists posting;
alter table segment set (toast_tuple_target = 8160);
`

/** The newest rejections of a hall are read without a look at all of them. */
const newestRejections = 'create index rejection_newest on rejection (hall, place);'

export const migrations: readonly Migration[] = [
  { version: 1, sql: log },
  { version: 2, sql: inPlace },
  { version: 3, sql: newestRejections },
]

const word = /^[a-z][a-z_]{0,40}$/

/** Names of tables and columns come from our own code; anything else is our mistake. */
export function name(value: string): string {
  assert(word.test(value), `${value} is a plain word`)
  return `"${value}"`
}

/** Makes the table, adds what it lacks, and makes its view anew. Safe to run at every start. */
export function projectionSql(projection: string, spec: TableSpec): string {
  const table = name(spec.table)
  const key = ['hall', 'build', ...spec.key].map(name).join(', ')
  const columns = Object.entries(spec.columns)
  const lines = columns.map(([column, type]) => `${name(column)} ${type}`)
  const visible = columns.map(([column]) => `t.${name(column)}`).join(', ')
  const indexes = (spec.indexes ?? []).map((of) => {
    const index = name(`${spec.table}_by_${of.join('_')}`)
    // Hall and build come last: an index that begins with them would compete with the key.
    return `create index if not exists ${index} on ${table} (${of.map(name).join(', ')}, hall, build);`
  })
  const view = name(`live_${spec.table}`)
  return `
create table if not exists ${table} (
  hall text not null,
  build int4 not null,
  ${lines.join(',\n  ')},
  primary key (${key})
) with (fillfactor = 70);
${lines.map((line) => `alter table ${table} add column if not exists ${line};`).join('\n')}
${indexes.join('\n')}
drop view if exists ${view};
create view ${view} as
  select t.hall, ${visible} from ${table} t
  join projection p on p.hall = t.hall and p.projection = '${projection}' and p.build = t.build;
`
}
