/** The files that CometBFT expects beside its configuration, in its own formats. */
import { ValidatorKey } from '../solo/validator-key.js';
import { toHex } from '../../protocol/bytes.js';

/** priv_validator_state.json of a key that has signed nothing. */
export const NOTHING_SIGNED = `${JSON.stringify({ height: '0', round: 0, step: 0 }, undefined, 2)}\n`;

export interface NodeKey {
  /** How peers name this node: the address of its key, in small hexadecimal digits. */
  readonly id: string;
  /** Text of node_key.json. */
  readonly text: string;
}

/** A new identity among peers. It signs no blocks and holds no money. */
export function newNodeKey(): NodeKey {
  const key = ValidatorKey.generate();
  const { priv_key } = JSON.parse(key.toFile()) as Record<string, unknown>;
  return { id: toHex(key.address), text: `${JSON.stringify({ priv_key })}\n` };
}

/** @throws InvalidInputError where `text` is no node_key.json. */
export function nodeIdOf(text: string, name: string): string {
  return toHex(ValidatorKey.fromFile(text, name).address);
}
