/** How the database is laid out; the README lists it. */
import type { Key } from './database.js';

const STATE = '\x01';
const NODE = 0x02;
const VERSION = '\x03';
const ORPHANS = '\x04';

/** What the keys of a module's store begin with: no name is the beginning of another's. */
export function storePrefix(name: string): Key {
  if (name.length === 0 || name.length > 32 || !/^[a-z_]+$/.test(name)) {
    throw new Error(`bad store name ${JSON.stringify(name)}: expected 1 to 32 of a-z and _`);
  }
  return `${STATE}${String.fromCharCode(name.length)}${name}`;
}

/** The store that a key of the state belongs to. */
export function storeOf(key: Key): string {
  return key.slice(2, 2 + key.charCodeAt(1));
}

function u64Text(value: number): Key {
  const out = Buffer.allocUnsafe(8);
  out.writeUInt32BE(Math.floor(value / 2 ** 32), 0);
  out.writeUInt32BE(value % 2 ** 32, 4);
  return out.toString('latin1');
}

/** Where the roots of all stores after block `version` lie. */
export const versionKey = (version: number): Key => VERSION + u64Text(version);

/** Where it is written which nodes block `version` replaced. */
export const orphansKey = (version: number): Key => ORPHANS + u64Text(version);

/** Keys of the nodes of one store: 0x02, length of the name, name, version u64be, number u32be, as in IAVL v1. */
export class NodeKeys {
  readonly #buffer: Buffer;
  readonly #at: number;

  constructor(name: string) {
    this.#buffer = Buffer.from(storePrefix(name) + '\0'.repeat(12), 'latin1');
    this.#buffer[0] = NODE;
    this.#at = this.#buffer.length - 12;
  }

  of(version: number, nonce: number): Key {
    this.#buffer.writeUInt32BE(Math.floor(version / 2 ** 32), this.#at);
    this.#buffer.writeUInt32BE(version % 2 ** 32, this.#at + 4);
    this.#buffer.writeUInt32BE(nonce, this.#at + 8);
    return this.#buffer.toString('latin1');
  }
}
