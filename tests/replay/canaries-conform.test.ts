/** No card in what the conformance kit says, writes and gives away, whatever kind of card is laid. */
import { expect, it } from 'vitest'
import { openLine } from '../../firmware-sim/line.ts'
import { IdCardReaderModel } from '../../firmware-sim/models/id-card-reader.ts'
import { Bench } from '../../gateway/conform/bench.ts'
import { createContribution } from '../../gateway/conform/contribution.ts'
import { conformKinds } from '../../gateway/conform/kinds.ts'
import { reportHtml, reportOf } from '../../gateway/conform/report.ts'
import { runSteps } from '../../gateway/conform/run.ts'
import { realPace } from '../../gateway/pace.ts'
import { tcpTransport } from '../../gateway/transports/tcp.ts'
import { quick } from '../conform/bench-fixture.ts'
import { searchDeep, searchFor } from './canaries.ts'
import { canaryCards, canaryPatterns } from './canary-cards.ts'

const cards = canaryCards()
const search = searchFor(canaryPatterns(cards))
const kind = conformKinds.get('id_card_reader')!

it.each(cards.map((card) => [card.text.kind, card] as const))('%s', async (_, card) => {
  const parts = { pace: realPace, random: Math.random }
  const model = new IdCardReaderModel()
  await using line = await openLine(model, parts)
  const transport = tcpTransport(realPace, { host: '127.0.0.1', port: line.port })
  const helper = {
    async hand(hand: string) {
      if (hand === 'lay_card') model.placeCard(card)
      else if (hand === 'take_card') model.removeCard()
      return hand === 'lay_card' || hand === 'take_card'
    },
    sees: async () => null,
  }
  await using bench = new Bench({ transport, pace: realPace, helper }, quick)
  await bench.connect()
  const contribution = createContribution(kind)
  const steps = await runSteps(kind, bench, { settings: {}, onExchanges: contribution.add })
  const report = reportOf({
    ...{ type: kind.type, title: { zh: '', en: '' }, protocol: '', at: '', began: '' },
    ...{ unattended: false, assumptions: [], steps },
  })
  expect(steps.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(5)
  const given = JSON.stringify(contribution.get())
  // The card was read, and somebody else's is given away.
  expect(given.replaceAll(' ', '').toLowerCase()).toContain(
    Buffer.from('合成卡', 'utf16le').toString('hex'),
  )
  for (const text of [
    JSON.stringify(report),
    reportHtml(report, 'zh'),
    reportHtml(report, 'en'),
    given,
  ]) {
    expect(searchDeep(search, Buffer.from(text))).toEqual([])
  }
})
