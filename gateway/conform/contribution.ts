/**
 * What a maker or a hall may give away of a run: the exchanges in hex, about synthetic cards, without
 * PIN blocks, keys and fingerprints, in the form of `tests/golden`. Where the device stands is not in it.
 */
import { createSynthesis } from '../recording/synthesis.ts'
import type { Exchange } from './bench.ts'
import type { ConformKind, Verdict } from './kind.ts'

export type Contribution = {
  about: string
  marks: string
  type: string
  exchanges: { step: string; verdict: Verdict; name: string; sent: string; came: string }[]
}

export function createContribution(kind: ConformKind) {
  const synthesis = createSynthesis()
  const exchanges: Contribution['exchanges'] = []
  return {
    add(step: string, verdict: Verdict, came: readonly Exchange[]): void {
      for (const exchange of came) {
        const shown = kind.synthetic(exchange, synthesis)
        exchanges.push({ step, verdict, name: exchange.label, ...shown })
      }
    },
    get(): Contribution {
      return {
        about: `${kind.type} as a device on the bench spoke it`,
        marks: 'captured; cards are synthetic, checksums made again',
        type: kind.type,
        exchanges,
      }
    },
  }
}
