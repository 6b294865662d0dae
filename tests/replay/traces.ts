/** Hand-made traces: a head and lines as a test writes them. */

export const head =
  'visit,date,arrived,service,priority,queued_from,queued_to,served_from,served_to,outcome,clerk'

/** A line of 1999-02-03 of service PS, ordinary priority; times as in the file, '' for none. */
export function line(
  n: number,
  times: string,
  end: string,
  { date = '1999-02-03', service = 'PS', priority = '1' } = {},
): string {
  const [arrived, ...steps] = times.split(',')
  return [n, date, arrived, service, priority, ...steps, end].join(',')
}

export async function* inPieces(text: string, size = 7): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

export const asFile = (...lines: string[]) => `${[head, ...lines].join('\n')}\n`

/**
 * Fourteen contacts of one morning at three clerks: eight served after a wait, two at once, two who
 * give up, one turned away, one phantom. Waits, by hand: 30, 45, 20, 60, 10, 0, 15, 100.
 */
export const smallDay = asFile(
  line(1, '36000,36000,36030,36031,36090', 'served,A01'),
  line(2, '36000,36000,36045,36044,36100', 'served,A02', { priority: '2' }),
  line(3, '36010,36010,36030,36030,36110', 'served,A03', { service: 'NW' }),
  line(4, '36040,36040,36100,36100,36160', 'served,A01', { priority: '0' }),
  line(5, '36090,36090,36100,36100,36130', 'served,A02'),
  line(6, '36100,,,36110,36150', 'served,A03'),
  line(7, '36105,36105,36105,,', 'served,'),
  line(8, '36120,36120,36180,,', 'left,'),
  line(9, '36130,,,,', 'left,'),
  line(10, '36131,36131,36140,,', 'phantom,'),
  line(11, '36135,36135,36150,36150,36200', 'served,A02', { service: 'NW' }),
  line(12, '36140,,,36141,36141', 'served,A03'),
  line(13, '36150,36150,36250,36250,36300', 'served,A01'),
  line(14, '36151,36151,36151,,', 'left,'),
)
