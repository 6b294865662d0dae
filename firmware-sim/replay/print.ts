/** A report for people. */
import type { Shifted } from './replay.ts'
import type { Fen, Report } from './report.ts'

const DAYS_NAMED = 5

export function printReport(report: Report, shifted: readonly Shifted[] = []): string {
  const { trace, hall, log, booked, people, ledger, waits, crashes } = report
  const struck = crashes.gateway + crashes.controller + crashes.database
  return [
    `trace   ${trace.contacts} contacts: ${trace.served} served, ${trace.left} left, ${trace.phantom} phantom, ${trace.rejected} rejected; ${trace.adjusted} adjusted`,
    ...daysMoved(shifted),
    `hall    ${hall.tickets} tickets, ${hall.called} called, ${hall.served} served, ${hall.left} left, ${hall.undelivered} undelivered`,
    `waits   n ${waits.n}, mean ${waits.mean_s} s, median ${waits.median_s}, p90 ${waits.p90_s}, max ${waits.max_s}, over 30 min ${waits.over_30_min_share}`,
    `log     ${log.records} records, head ${log.head.slice(0, 16)}`,
    `booked  ${booked.records} records, head ${booked.head.slice(0, 16)}, ${booked.missing} missing, ${booked.duplicates} duplicates`,
    `people  ${people.papers} papers, ${people.recorded} answers, ${people.orders} orders, ${money(people.fen_by_tender)}; ${people.lost} lost, ${people.doubled} doubled`,
    `ledger  ${ledger.orders} orders, ${money(ledger.fen_by_tender)}; debit ${ledger.debit_fen}, credit ${ledger.credit_fen}, ${ledger.unbalanced} unbalanced`,
    `crashes ${struck}: gateway ${crashes.gateway}, controller ${crashes.controller}, database ${crashes.database}; ${crashes.before_ack} before the acknowledgement`,
    `${report.ok ? 'ok' : 'NOT OK'} in ${report.wall_s} s`,
  ].join('\n')
}

/** Evenings that reach into the next date: that day was lived later, all of it by as much. */
function daysMoved(shifted: readonly Shifted[]): string[] {
  if (shifted.length === 0) return []
  const named = shifted.slice(0, DAYS_NAMED).map(({ date, shift_s }) => `${date} by ${shift_s} s`)
  const more = shifted.length > DAYS_NAMED ? ` and ${shifted.length - DAYS_NAMED} more` : ''
  return [`days    begun later as a whole, intervals kept: ${named.join(', ')}${more}`]
}

function money(fen: Fen): string {
  const parts = Object.entries(fen).map(([tender, amount]) => `${tender} ${amount} fen`)
  return parts.length === 0 ? 'no money' : parts.join(', ')
}
