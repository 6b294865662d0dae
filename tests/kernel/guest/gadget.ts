/**
 * USB devices of our own making on the kernel's dummy controllers: a gadget is folders and files in
 * configfs. Binding it to a controller is plugging it in.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { report_descriptor } from './uhid.ts'

const configfs = '/sys/kernel/config/usb_gadget'
const english = 'strings/0x409'

export type GadgetNames = { vendor: number; product: number; serial: string }

export class Gadget {
  readonly #folder: string
  readonly #controller: string

  constructor(name: string, controller: number, names: GadgetNames) {
    this.#folder = `${configfs}/${name}`
    this.#controller = `dummy_udc.${controller}`
    mkdirSync(`${this.#folder}/${english}`, { recursive: true })
    this.#set('idVendor', `0x${names.vendor.toString(16)}`)
    this.#set('idProduct', `0x${names.product.toString(16)}`)
    this.#set(`${english}/manufacturer`, 'Hall')
    this.#set(`${english}/product`, name)
    this.#set(`${english}/serialnumber`, names.serial)
    mkdirSync(`${this.#folder}/configs/c.1/${english}`, { recursive: true })
  }

  hid(): this {
    this.#function('hid.usb0', () => {
      this.#set('functions/hid.usb0/report_length', '64')
      writeFileSync(`${this.#folder}/functions/hid.usb0/report_desc`, report_descriptor)
    })
    return this
  }

  printer(): this {
    this.#function('printer.usb0', () => {
      this.#set('functions/printer.usb0/pnp_string', 'MFG:Hall;MDL:Ticket;CLS:PRINTER;')
      this.#set('functions/printer.usb0/q_len', '10')
    })
    return this
  }

  serial(): this {
    this.#function('acm.usb0', () => {})
    return this
  }

  /**
   * A function whose endpoints a program serves: its folder is to be mounted before it is linked.
   */
  served(name: string, prepare: () => void): this {
    this.#function(`ffs.${name}`, prepare)
    return this
  }

  async plug(): Promise<void> {
    await writeFile(`${this.#folder}/UDC`, this.#controller)
  }

  async unplug(): Promise<void> {
    if (readFileSync(`${this.#folder}/UDC`, 'utf8').trim() === '') return
    await writeFile(`${this.#folder}/UDC`, '\n')
  }

  #function(name: string, prepare: () => void): void {
    const folder = `${this.#folder}/functions/${name}`
    mkdirSync(folder)
    prepare()
    symlinkSync(folder, `${this.#folder}/configs/c.1/${name}`)
  }

  #set(file: string, text: string): void {
    writeFileSync(`${this.#folder}/${file}`, text)
  }
}
