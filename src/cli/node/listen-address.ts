/** Where a server listens, as people write it: `127.0.0.1:1317`, `[::1]:1317`, or a port alone for the loopback address. */
import { R3mesError } from '../../protocol/errors.js';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

const FORM = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):)?([0-9]{1,5})$/;
const MAX_PORT = 65_535;
export const LOOPBACK = '127.0.0.1';
/** What turns a server off. */
export const OFF = 'off';

/** Nothing for `off`. @throws R3mesError USAGE for any other text. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text === OFF) return undefined;
  const match = FORM.exec(text);
  const [, v6, name, port = ''] = match ?? [];
  if (match === null || Number(port) > MAX_PORT) {
    throw new R3mesError({ code: 'USAGE', message: `expected an address like ${LOOPBACK}:1317, a port, or ${OFF}, got ${JSON.stringify(text.slice(0, 100))}` });
  }
  return { host: v6 ?? name ?? LOOPBACK, port: Number(port) };
}
