/**
 * Statements on the log's own tables, and the one question the log asks of a projection. Values of
 * many rows come as one array a column.
 */
import { copySegmentsSql } from './copy.ts'
import { printedNumbersSql } from './printed-numbers.ts'

const segmentColumns = 'place, epoch, first, last, prev, hash, bytes, crcs'

export const logSql = {
  /** Makes what is missing and locks all of it, in the order of hall ids. */
  make_cursors: `
insert into hall_cursor (hall) select h from unnest($1::text[]) h order by h
on conflict (hall) do update set fence = hall_cursor.fence where false`,
  lock_cursors: `
select hall, records, epoch, seq, hash, owner, fence from hall_cursor
where hall = any($1::text[]) order by hall for update`,
  builds: `
select hall, projection, build, version from projection where hall = any($1::text[])`,
  head_epochs: `
select e.hall, e.epoch, number, parent_epoch, parent_seq, parent_hash, reason, gateway, continues,
  e.seq, e.hash, branch
from hall_cursor c join epoch e on e.hall = c.hall and e.epoch = c.epoch
where c.hall = any($1::text[])`,
  epoch: `
select epoch, number, parent_epoch, parent_seq, parent_hash, reason, gateway, continues, seq, hash,
  branch
from epoch where hall = $1 and epoch = $2`,
  /** The last segment that begins at or before the record: the caller looks whether it reaches it. */
  segment_at: `
select ${segmentColumns} from segment
where hall = $1 and epoch = $2 and first <= $3 order by first desc limit 1`,
  segments_from: `
select ${segmentColumns} from segment where hall = $1 and place >= $2 order by place limit $3`,
  has_origin: `
select 1 from origin where hall = $1 and epoch = $2 and seq = $3 and hash = $4`,
  write_cursor: `
update hall_cursor c
set records = u.records, epoch = u.epoch, seq = u.seq, hash = u.hash, owner = u.owner,
  fence = u.fence
from unnest($1::text[], $2::int8[], $3::text[], $4::int8[], $5::text[], $6::text[], $7::int8[])
  as u(hall, records, epoch, seq, hash, owner, fence)
where c.hall = u.hall`,
  write_epoch: `
insert into epoch
select * from unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[], $6::text[],
  $7::text[], $8::text[], $9::bool[], $10::int8[], $11::text[], $12::bool[])
on conflict (hall, epoch) do update set seq = excluded.seq, hash = excluded.hash`,
  write_segment: copySegmentsSql,
  write_origin: `
insert into origin (hall, epoch, seq, hash, place)
select * from unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[])
on conflict do nothing`,
  write_rejection: `
insert into rejection (hall, projection, build, place, version, epoch, seq, code)
select * from unnest($1::text[], $2::text[], $3::int4[], $4::int8[], $5::int4[], $6::text[],
  $7::int8[], $8::text[])
on conflict (hall, projection, build, place) do update
set version = excluded.version, code = excluded.code`,
  /** At most so many records of each hall, newest first, as readers see them. */
  newest_rejections: `
select h.hall, r.epoch, r.seq, r.code from unnest($1::text[]) h(hall) cross join lateral (
  select distinct on (place) epoch, seq, code from live_rejection
  where hall = h.hall order by place desc, projection limit $2
) r`,
  write_projection: `
insert into projection (hall, projection, version, build, upto)
select * from unnest($1::text[], $2::text[], $3::int4[], $4::int4[], $5::int8[])
on conflict (hall, projection) do update set upto = excluded.upto`,
  /** Of these places, the ones whose record was appended again and booked there. */
  origins_at: `
select place from origin where hall = $1 and place >= $2 and place <= $3`,
  activate: `
insert into projection (hall, projection, version, build, upto) values ($1, $2, $3, $4, $5)
on conflict (hall, projection) do update
set version = excluded.version, build = excluded.build, upto = excluded.upto`,
  printed_numbers: printedNumbersSql,
  builds_of: `
select coalesce(max(build), 0) from (
  select build from projection where hall = $1 and projection = $2
  union all
  select build from rejection where hall = $1 and projection = $2
) b`,
} as const
