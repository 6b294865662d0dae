/** Service-password pads: the real driver against the simulated pad over real TCP. */
import { describe, expect, it } from 'vitest'
import { byteText } from '#devices/std/bytes.ts'
import { ServicePasswordPadModel } from '../../firmware-sim/models/service-password-pad.ts'
import { createServicePasswordPad } from '../../gateway/drivers/service-password-driver.ts'
import { lineFor, partsFor, quick, until } from './helpers.ts'

const accepted = { clear_digits: 'accepted', session: quick }

function asker() {
  const seen: Uint8Array[] = []
  const seal = async (secret: { kind: string; digits?: unknown }) => {
    seen.push(secret.digits as Uint8Array)
    return `sealed ${byteText(secret.digits as Uint8Array).length}`
  }
  return { seen, prompt: { account: '1', digits: 6, content_hash: 'c0ffee', seal } }
}

async function standing(options: object = accepted) {
  const model = new ServicePasswordPadModel()
  const line = await lineFor(model)
  const pad = createServicePasswordPad('pw1', partsFor(line.port), { options })
  pad.start()
  /** On both sides: a key pressed before the pad has its link is heard by nobody. */
  const online = (links = 1) =>
    until(() => pad.view().state === 'online' && line.counts.links >= links)
  return {
    ...{ model, line, pad, online },
    [Symbol.asyncDispose]: async () => {
      await pad[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
    },
  }
}

describe('a service-password pad', () => {
  it('gives the digits to the seal of whoever asked, once, and overwrites them', async () => {
    await using at = await standing()
    await at.online()
    const { seen, prompt } = asker()
    const asked = at.pad.promptPin(prompt)
    at.model.type('135790')
    expect(await asked).toEqual({
      ...{ outcome: 'entered', reason: 'entered', content_hash: 'c0ffee' },
      ...{ pad: null, key: null, sealed: 'sealed 6' },
    })
    expect(seen.map((digits) => [...digits])).toEqual([[0, 0, 0, 0, 0, 0]])
    expect(JSON.stringify(at.pad.view())).not.toContain('135790')
  })

  it('is not listened to while nobody asks, and a second asker does not take the first one’s', async () => {
    await using at = await standing()
    await at.online()
    at.model.type('111111')
    await until(() => at.pad.view().counters.unasked_frames === 1)
    const [first, second] = [asker(), asker()]
    const asked = at.pad.promptPin(first.prompt)
    expect(await at.pad.promptPin(second.prompt)).toMatchObject({
      outcome: 'failed',
      reason: 'busy',
    })
    at.model.type('222222')
    expect((await asked).outcome).toBe('entered')
    expect([first.seen.length, second.seen.length]).toEqual([1, 0])
  })

  it('cancelled for the next asker is the next one’s at once', async () => {
    await using at = await standing()
    await at.online()
    const [first, second] = [asker(), asker()]
    const cancelled = at.pad.promptPin(first.prompt)
    at.pad.cancelPin()
    const asked = at.pad.promptPin(second.prompt)
    expect((await cancelled).outcome).toBe('cancelled')
    at.model.type('222222')
    expect((await asked).outcome).toBe('entered')
    expect([first.seen.length, second.seen.length]).toEqual([0, 1])
  })

  it('is off unless the configuration accepts digits in the clear', async () => {
    await using at = await standing({ session: quick })
    await until(() => at.pad.view().state === 'not_configured' && at.line.counts.links > 0)
    const { seen, prompt } = asker()
    expect(await at.pad.promptPin(prompt)).toMatchObject({ reason: 'not_accepted', sealed: null })
    at.model.type('135790')
    await until(() => at.pad.view().counters.frames_in === 1)
    expect(seen).toEqual([])
  })

  it('ends a prompt with the link, and works again after it', async () => {
    await using at = await standing()
    await at.online()
    const { seen, prompt } = asker()
    const asked = at.pad.promptPin(prompt)
    at.model.type('135')
    await at.line.unplug()
    expect(await asked).toMatchObject({ outcome: 'failed', reason: 'link_lost' })
    await at.line.plug()
    await at.online(2)
    const again = at.pad.promptPin(prompt)
    at.model.type('790')
    at.model.type('135')
    expect((await again).outcome).toBe('entered')
    expect(seen).toHaveLength(1)
  })

  it('ends by the clerk, by time, and without a word where the seal fails', async () => {
    await using at = await standing({ ...accepted, input_ms: 20 })
    await at.online()
    const { prompt } = asker()
    expect((await at.pad.promptPin(prompt)).outcome).toBe('timed_out')
    const open = at.pad.promptPin(prompt)
    at.pad.cancelPin()
    expect((await open).outcome).toBe('cancelled')
    const broken = at.pad.promptPin({
      ...prompt,
      seal: async () => {
        throw new Error('135790')
      },
    })
    at.model.type('135790')
    const answer = await broken
    expect(answer).toMatchObject({ outcome: 'failed', reason: 'not_sealed', sealed: null })
    expect(JSON.stringify(answer)).not.toContain('135790')
  })

  it('on a bad line gives every prompt one outcome and shows no digit', async () => {
    const model = new ServicePasswordPadModel()
    const faults = { split: 0.5, noise: 0.2, corrupt: 0.05, unplug: 0.02 }
    await using line = await lineFor(model, { faults }, 7)
    await using pad = createServicePasswordPad('pw1', partsFor(line.port), {
      options: { ...accepted, input_ms: 40 },
    })
    pad.start()
    const { seen, prompt } = asker()
    let entered = 0
    while (entered < 5) {
      await until(() => pad.view().state === 'online')
      const open = pad.promptPin(prompt)
      model.type('135790')
      if ((await open).outcome === 'entered') entered += 1
    }
    expect(seen.length).toBeGreaterThanOrEqual(5)
    expect(JSON.stringify(pad.view())).not.toContain('135790')
  })
})
