/**
 * What the far end of a wire is: something that takes bytes and sends bytes. Types only.
 * `attach` comes with each new link (power stays on, half-received frames are forgotten), `detach`
 * when it is gone; `send` after that is lost, as on a wire.
 */
export interface DeviceModel {
  attach(send: (bytes: Uint8Array) => void): void
  detach(): void
  receive(bytes: Uint8Array): void
}
