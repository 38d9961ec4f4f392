import { UREMES_PER_REMES } from '../../protocol/params.js';
import type { DevnetKeys } from './keys.js';

/** The first letters of a CID or hash that tell two of them apart. */
export function short(text: string): string {
  return text.length > 16 ? `${text.slice(0, 14)}…` : text;
}

/** `12.345678 REMES` without needless zeros. */
export function remes(amount: bigint | string): string {
  const value = BigInt(amount);
  const whole = value / UREMES_PER_REMES;
  const rest = (value % UREMES_PER_REMES).toString().padStart(6, '0').replace(/0+$/, '');
  return `${whole}${rest === '' ? '' : `.${rest}`} REMES`;
}

/** Names of a devnet's accounts for people. */
export class Names {
  readonly #names: ReadonlyMap<string, string>;

  constructor(keys: DevnetKeys) {
    this.#names = new Map([...keys.accounts, keys.treasury].map((a) => [a.address, a.name]));
  }

  of(address: string): string {
    return this.#names.get(address) ?? short(address);
  }
}
