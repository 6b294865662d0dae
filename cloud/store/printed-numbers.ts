/**
 * The one question the log asks of a projection: the last business day the cloud heard of a hall, and
 * what was printed in it, for a gateway that lacks what is held here.
 */
import { SERVICES_MAX } from '#devices/contract/limits.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'

/** A row a service; service null where nothing was printed that day, `upto` where none is of a band's form. */
export type PrintedRow = { day: string; service: string | null; upto: number | null }

/** As far as a number is of the form that bands give (`NumberBand`); the hall is the parameter. */
export const printedNumbersSql = `
select s.day, v.service, max(substring(v.number from '^[A-Z]{0,2}([0-9]{1,5})$')::int8) as upto
from live_hall_state s left join live_visit v on v.hall = s.hall and v.day = s.day
where s.hall = $1 and s.day is not null
group by s.day, v.service order by v.service limit ${SERVICES_MAX}`

export function printedOf(rows: readonly PrintedRow[]): PrintedNumbers | null {
  if (rows[0] === undefined) return null
  const used = rows.flatMap(({ service, upto }) =>
    service === null || upto === null ? [] : [{ service, to: upto }],
  )
  return { day: rows[0].day, used }
}
