/**
 * A bulk reader as FunctionFS lets a program serve it: descriptors once, then a file for each
 * endpoint. The kernel gives the endpoints real addresses of its own choice, taken from the dummy
 * controller's list in order: for bulk endpoints that is 81, 86, 8B, 82, then 81 to 85 once more,
 * and 02, 07, 0C, 01, then 01 to 06. So the reader with four pipes asks for as many as lead to 85
 * and 06 and serves its four of them; the host drops the second of two with one address.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { BulkPipes } from '../../../firmware-sim/models/id-card-reader-wrapped.ts'
import type { DeviceModel } from '../../../firmware-sim/models/model.ts'
import { Gadget } from './gadget.ts'
import type { Plug } from './plugs.ts'
import { until } from './report.ts'

/**
 * `files` says which pipe of the layout is the how-manyth of the asked endpoints, counted from 1.
 */
type Shape = { layout: ConstructorParameters<typeof BulkPipes>[1]; ins: number; outs: number }

export const singleShape: Shape = {
  layout: { layout: 'single', out_pipe: 0x02, in_pipe: 0x81 },
  ins: 1,
  outs: 1,
}
export const splitShape: Shape = { layout: { layout: 'split' }, ins: 9, outs: 10 }

const first_in = [0x81, 0x86, 0x8b, 0x82, 0x81, 0x82, 0x83, 0x84, 0x85]
const first_out = [0x02, 0x07, 0x0c, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06]
const most_bytes = 4096

export function servedPlug(name: string, shape: Shape): Plug {
  const serial = name.toUpperCase()
  const folder = `/dev/ffs/${name}`
  const gadget = new Gadget(name, 1, { vendor: 0x0400, product: 0xc35a, serial })
  gadget.served(name, () => {
    mkdirSync(folder, { recursive: true })
    execFileSync('/bin/busybox', ['mount', '-t', 'functionfs', name, folder])
    // Stays open for good: the function lives as long as this.
    const control = openSync(`${folder}/ep0`, 'r+')
    writeSync(control, descriptors(shape))
    writeSync(control, noStrings())
  })
  let wire: BulkPipes | null = null
  const take = (pipe: number, bytes: Uint8Array) => wire?.receive({ pipe, bytes })
  let ends: Map<number, FileHandle> | null = null
  return {
    at: `usb:0400:c35a:${serial}`,
    async plug(model: DeviceModel) {
      await gadget.plug()
      ends ??= await openEnds(folder, shape, take)
      const writers = new Map([...ends].map(([pipe, file]) => [pipe, writer(file, () => wire)]))
      wire = new BulkPipes(model, shape.layout)
      wire.attach(({ pipe, bytes }) => writers.get(pipe)?.(bytes))
    },
    async unplug() {
      wire?.detach()
      wire = null
      await gadget.unplug()
    },
  }
}

/**
 * Files of endpoints stay open over an unplugging: what is asked of them waits for the next plug.
 */
async function openEnds(
  folder: string,
  shape: Shape,
  take: (pipe: number, bytes: Uint8Array) => void,
): Promise<Map<number, FileHandle>> {
  const ends = new Map<number, FileHandle>()
  for (const [pipe, number] of pipesOf(shape)) {
    const path = `${folder}/ep${number}`
    await until(() => existsSync(path))
    const file = await open(path, 'r+')
    ends.set(pipe, file)
    if (!(pipe & 0x80)) void readFrom(file, (bytes) => take(pipe, bytes))
  }
  return ends
}

/** Pipe address to the number of its file: outs are asked for first. */
function pipesOf({ layout, ins, outs }: Shape): Map<number, number> {
  const wanted =
    layout.layout === 'split' ? [0x02, 0x06, 0x81, 0x85] : [layout.out_pipe, layout.in_pipe]
  const given = [...first_out.slice(0, outs), ...first_in.slice(0, ins)]
  return new Map(wanted.map((pipe) => [pipe, given.indexOf(pipe) + 1]))
}

type Writer = (bytes: Uint8Array) => void

/** What was sent before the cable was pulled does not come out of the next plug. */
function writer(file: FileHandle, plugged: () => BulkPipes | null): Writer {
  let before: Promise<unknown> = Promise.resolve()
  return (bytes) => {
    const meant = plugged()
    before = before
      .then(() => (meant === plugged() ? file.write(bytes) : undefined))
      .catch(() => {})
  }
}

async function readFrom(file: FileHandle, take: (bytes: Uint8Array) => void): Promise<never> {
  const buffer = new Uint8Array(most_bytes)
  while (true) {
    const read = await file.read(buffer, 0, most_bytes, null).catch(() => null)
    if (read === null) await wait(5)
    else if (read.bytesRead > 0) take(buffer.slice(0, read.bytesRead))
  }
}

/** usb_functionfs_descs_head_v2: magic 3, length, flags (full speed only), count, descriptors. */
function descriptors({ ins, outs }: Shape): Uint8Array {
  const endpoint = (address: number) => [7, 5, address, 2, 64, 0, 0]
  const list = [
    [9, 4, 0, 0, ins + outs, 0xff, 0xff, 0, 0],
    ...Array.from({ length: outs }, (_, i) => endpoint(i + 1)),
    ...Array.from({ length: ins }, (_, i) => endpoint(0x80 | (i + 1))),
  ]
  const bytes = list.flat()
  return Uint8Array.from([...words(3, 16 + bytes.length, 1, list.length), ...bytes])
}

/** usb_functionfs_strings_head: magic 2, length, no strings, no languages. */
function noStrings(): Uint8Array {
  return Uint8Array.from(words(2, 16, 0, 0))
}

function words(...numbers: number[]): number[] {
  return [...new Uint8Array(Uint32Array.from(numbers).buffer)]
}
