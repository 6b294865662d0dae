/**
 * Log events, not sentences: a name, a level, fields. One sink is injected at the top of each program.
 * Fields hold names, numbers and codes; never card data, never a payload.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export type Log = (level: LogLevel, event: string, fields?: LogFields) => void

/** For tests and for parts that were given no sink. */
export const silent: Log = () => {}
