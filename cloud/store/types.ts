/** How values come back from PostgreSQL, over any connection of the controller. */
import pg from 'pg'

/** Type ids of the server (pg_type.dat). */
const [INT8, INT8_ARRAY, NUMERIC, NUMERIC_ARRAY, TEXT_ARRAY] = [20, 1016, 1700, 1231, 1009]
const texts = (array: string) => pg.types.getTypeParser(TEXT_ARRAY)(array) as string[]

/** int8 as number, since the contract's numbers are safe integers, and numeric as bigint. */
export const sqlTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8) return Number
    if (oid === NUMERIC) return (text: string) => BigInt(text)
    if (oid === INT8_ARRAY) return (text: string) => texts(text).map(Number)
    if (oid === NUMERIC_ARRAY) return (text: string) => texts(text).map(BigInt)
    return pg.types.getTypeParser(oid, format)
  },
} as pg.CustomTypesConfig
