/**
 * The ways a device hangs on this machine: each plugs a far end in and pulls it out, and knows the
 * address a gateway would be given.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { DeviceModel } from '../../../firmware-sim/models/model.ts'
import { FarFile } from './far-file.ts'
import type { Gadget } from './gadget.ts'
import { until } from './report.ts'
import { type HidNames, UserHid } from './uhid.ts'

export interface Plug {
  readonly at: string
  plug(model: DeviceModel): Promise<void>
  unplug(): Promise<void>
}

export function uhidPlug(names: HidNames): Plug {
  let device: UserHid | null = null
  let plugged: DeviceModel | null = null
  const id = (number: number) => number.toString(16).padStart(4, '0')
  return {
    at: `hid:${id(names.vendor)}:${id(names.product)}:${names.serial}`,
    async plug(model) {
      const fresh = new UserHid(names, (report) => model.receive(report))
      device = fresh
      plugged = model
      model.attach((report) => fresh.send(report))
    },
    async unplug() {
      plugged?.detach()
      device?.unplug()
      device = null
    },
  }
}

/** One function of a gadget: `node` is the device's side of it. */
export function gadgetPlug(gadget: Gadget, at: string, node: string): Plug {
  let file: FarFile | null = null
  let plugged: DeviceModel | null = null
  return {
    at,
    async plug(model) {
      // The kernel gives the next plug another number while somebody still holds the last one's node.
      await until(() => !heldNodes().some((held) => at.includes(held)))
      await gadget.plug()
      await until(() => existsSync(node))
      if (node.startsWith('/dev/tty')) makeRaw(node)
      const fresh = await openWhenReady(node, model)
      file = fresh
      plugged = model
      model.attach((bytes) => fresh.send(bytes))
    },
    async unplug() {
      plugged?.detach()
      await gadget.unplug()
      file?.close()
      file = null
    },
  }
}

/** Nodes that are gone and still open in this process, which is host and device in one. */
function heldNodes(): string[] {
  const gone = ' (deleted)'
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    const target = linkAt(`/proc/self/fd/${descriptor}`)
    return target.endsWith(gone) ? [target.slice(0, -gone.length)] : []
  })
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/**
 * Some functions have a node before the host has configured them, and refuse to open it so long.
 */
async function openWhenReady(node: string, model: DeviceModel): Promise<FarFile> {
  while (true) {
    try {
      return new FarFile(node, (bytes) => model.receive(bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENODEV') throw error
      await wait(5)
    }
  }
}

function makeRaw(tty: string): void {
  execFileSync('/bin/busybox', ['stty', '-F', tty, 'raw', '-echo'])
}
