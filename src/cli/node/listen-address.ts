/** Where a server listens, as people write it: `127.0.0.1:1317`, `[::1]:1317`, or a port alone for the loopback address. */
import { R3mesError } from '../../protocol/errors.js';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

const FORM = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):)?([0-9]{1,5})$/;
const MAX_PORT = 65_535;
const LOOPBACK = '127.0.0.1';
/** What turns a server off. */
export const OFF = 'off';

/** @throws R3mesError USAGE for what is neither an address nor `off`. */
export function parseListenAddress(text: string): ListenAddress | typeof OFF {
  if (text === OFF) return OFF;
  const match = FORM.exec(text);
  const [, v6, name, port = ''] = match ?? [];
  if (match === null || Number(port) > MAX_PORT) {
    throw new R3mesError({ code: 'USAGE', message: `expected an address like ${LOOPBACK}:1317, a port, or ${OFF}, got ${JSON.stringify(text.slice(0, 100))}` });
  }
  return { host: v6 ?? name ?? LOOPBACK, port: Number(port) };
}

/** Nothing for `off`, or where nothing was given. */
export function unlessOff(given: ListenAddress | typeof OFF | undefined): ListenAddress | undefined {
  return given === OFF ? undefined : given;
}

/** The address of a server that ran, by its URL or `host:port`. */
export function listenAddressOf(shown: string): ListenAddress | undefined {
  return unlessOff(parseListenAddress(shown.replace(/^http:\/\//, '').replace(/\/.*$/, '')));
}
